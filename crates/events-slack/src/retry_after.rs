//! How long Slack asks to be left alone: the `Retry-After` header.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// The pause when Slack asks for one and does not say how long. Its documented pauses are of
/// this size, and a pause of a minute or more would make alerts late for nothing.
pub(crate) const UNSAID: Duration = Duration::from_secs(30);

/// A shorter pause would be none: `0` and dates gone by are answered while the limit still holds.
const LEAST: Duration = Duration::from_secs(1);

/// Reads the header: seconds, or an HTTP date. `None` when it is neither.
pub(crate) fn parse(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    let pause = match header.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = DateTimeParser::new().parse_timestamp(header).ok()?;
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(pause.max(LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let check = |header: &str, seconds: Option<u64>| {
            assert_eq!(parse(header, now), seconds.map(Duration::from_secs), "{header}");
        };
        check("30", Some(30));
        check(" 7 ", Some(7));
        check("0", Some(1));
        check("86401", Some(86_401));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(1));
        check("", None);
        check("-5", None);
        check("1.5", None);
        check("soon", None);
        check("99999999999999999999", None);
    }
}
