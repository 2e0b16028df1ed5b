//! How long an endpoint asks to be left alone: the `Retry-After` header.

use std::time::Duration;

use events_core::delivery::MAX_RETRY_AFTER;
use http::{
    HeaderMap,
    header::{DATE, HeaderName, RETRY_AFTER},
};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

/// A shorter pause would be none: `0` and dates gone by are answered while the limit still holds.
const LEAST: Duration = Duration::from_secs(1);

/// Reads seconds or an HTTP date; at most a day. `None` when the header is missing or neither.
///
/// A date is counted from the answer's own `Date`, where it has one, because the two come from one clock.
pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has is more than a day, too.
        asked.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let until = date(asked)?;
        let from = text(DATE).and_then(date).unwrap_or(now);
        Duration::try_from(until.duration_since(from)).unwrap_or_default()
    };
    Some(pause.clamp(LEAST, MAX_RETRY_AFTER))
}

fn date(text: &str) -> Option<Timestamp> {
    // Servers that write the wrong day of the week mean the date.
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let check = |header: &str, seconds: Option<u64>| {
            let headers = [(RETRY_AFTER, header.parse().unwrap())].into_iter().collect();
            assert_eq!(read(&headers, now), seconds.map(Duration::from_secs), "{header}");
        };
        check("30", Some(30));
        check(" 7 ", Some(7));
        check("0", Some(1));
        check("86400", Some(86_400));
        check("86401", Some(86_400));
        check("99999999999999999999999", Some(86_400));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(37));
        check("Sun, 06 Nov 1994 08:00:00 GMT", Some(1));
        check("Sun, 06 Nov 2094 08:00:00 GMT", Some(86_400));
        for malformed in ["", "-5", "+5", "1.5", "soon", "5s", "0x10", "1994-11-06", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            check(malformed, None);
        }
        assert_eq!(read(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_date_is_counted_from_the_clock_of_the_answer() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let headers = |date: &str| {
            let pairs = [(RETRY_AFTER, "Sun, 06 Nov 1994 08:50:00 GMT"), (DATE, date)];
            pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
        };
        assert_eq!(read(&headers("Sun, 06 Nov 1994 08:49:00 GMT"), now), Some(Duration::from_secs(60)));
        assert_eq!(read(&headers("no date"), now), Some(LEAST));
    }
}
