//! What the owner of a subscription may choose, as far as that can be told without the network.

use std::time::Duration;

use super::subscription::{RateLimit, Subscription};

const URL_BYTES: usize = 2_048;
const PATTERNS: usize = 100;
const DESCRIPTION_CHARS: usize = 500;
const HEADERS: usize = 20;
const PAUSES: usize = 30;
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3600);
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const SHORTEST_INTERVAL: Duration = Duration::from_micros(100); // 10,000 a second
const LONGEST_INTERVAL: Duration = Duration::from_secs(100); // 0.01 a second
const BURST: u32 = 10_000;

/// Why a subscription is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidSubscription {
    /// Which field: `url`, `retry[3]`.
    pub field: String,
    /// What is wrong with it, and what to do. Never a header's value.
    pub problem: String,
}

fn refuse(field: impl Into<String>, problem: impl Into<String>) -> Result<(), InvalidSubscription> {
    Err(InvalidSubscription { field: field.into(), problem: problem.into() })
}

impl Subscription {
    /// Whether everything is within bounds. Whether the URL may be called is for the handler to say.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn check(&self) -> Result<(), InvalidSubscription> {
        if self.url.is_empty() || self.url.len() > URL_BYTES {
            return refuse("url", format!("is {} bytes; give a URL of 1 to {URL_BYTES}", self.url.len()));
        }
        if self.events.is_empty() || self.events.len() > PATTERNS {
            return refuse("events", format!("has {} patterns; give 1 to {PATTERNS}", self.events.len()));
        }
        let described = self.description.chars().count();
        if described > DESCRIPTION_CHARS {
            return refuse("description", format!("is {described} characters, the limit is {DESCRIPTION_CHARS}"));
        }
        for (field, text) in [("url", &self.url), ("description", &self.description)] {
            if text.contains('\0') {
                return refuse(field, "contains the character \\u0000, which databases cannot store; remove it");
            }
        }
        if self.headers.len() > HEADERS {
            return refuse("headers", format!("are {}, the limit is {HEADERS}", self.headers.len()));
        }
        self.retry.as_deref().map_or(Ok(()), check_retry)?;
        self.timeout.map_or(Ok(()), check_timeout)?;
        self.rate_limit.map_or(Ok(()), check_rate)
    }
}

fn check_retry(pauses: &[Duration]) -> Result<(), InvalidSubscription> {
    if pauses.is_empty() || pauses.len() > PAUSES {
        return refuse("retry", format!("has {} pauses; give 1 to {PAUSES}", pauses.len()));
    }
    for (i, pause) in pauses.iter().enumerate() {
        if !(SHORTEST_PAUSE..=LONGEST_PAUSE).contains(pause) || !is_whole(*pause) {
            return refuse(format!("retry[{i}]"), format!("is {pause:?}; give 1 s to 24 h, in whole milliseconds"));
        }
    }
    Ok(())
}

fn check_timeout(timeout: Duration) -> Result<(), InvalidSubscription> {
    if (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&timeout) && is_whole(timeout) {
        Ok(())
    } else {
        refuse("timeout", format!("is {timeout:?}; give 1 s to 60 s, in whole milliseconds"))
    }
}

fn check_rate(rate: RateLimit) -> Result<(), InvalidSubscription> {
    let is_whole = rate.interval.subsec_nanos().is_multiple_of(1_000);
    if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&rate.interval) || !is_whole {
        return refuse("rate_limit", format!("is one call in {:?}; give 0.01 to 10,000 a second", rate.interval));
    }
    if rate.burst == 0 || rate.burst > BURST {
        return refuse("rate_limit.burst", format!("is {}; give 1 to {BURST}", rate.burst));
    }
    Ok(())
}

fn is_whole(time: Duration) -> bool {
    time.subsec_nanos().is_multiple_of(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::subscription;

    #[track_caller]
    fn refused(field: &str, change: impl FnOnce(&mut Subscription)) {
        let mut subscription = subscription("org_1").build();
        change(&mut subscription);
        assert_eq!(subscription.check().unwrap_err().field, field);
    }

    #[track_caller]
    fn accepted(change: impl FnOnce(&mut Subscription)) {
        let mut subscription = subscription("org_1").build();
        change(&mut subscription);
        subscription.check().unwrap();
    }

    #[test]
    fn each_refusal_names_its_field() {
        refused("url", |it| it.url = String::new());
        refused("url", |it| it.url = format!("https://a.example/{}", "x".repeat(2_031)));
        refused("url", |it| it.url.push('\0'));
        refused("events", |it| it.events.clear());
        refused("events", |it| it.events = vec![crate::Pattern::All; 101]);
        refused("description", |it| it.description = "ä".repeat(501));
        refused("retry", |it| it.retry = Some(vec![]));
        refused("retry", |it| it.retry = Some(vec![Duration::from_secs(1); 31]));
        refused("retry[1]", |it| it.retry = Some(vec![Duration::from_secs(1), Duration::from_millis(999)]));
        refused("retry[0]", |it| it.retry = Some(vec![Duration::from_secs(24 * 3600 + 1)]));
        refused("retry[0]", |it| it.retry = Some(vec![Duration::from_micros(1_000_001)]));
        refused("timeout", |it| it.timeout = Some(Duration::from_millis(60_001)));
        refused("timeout", |it| it.timeout = Some(Duration::ZERO));
        let rate = |interval, burst| Some(RateLimit { interval: Duration::from_micros(interval), burst });
        refused("rate_limit", |it| it.rate_limit = rate(99, 1));
        refused("rate_limit", |it| it.rate_limit = rate(100_000_001, 1));
        refused("rate_limit.burst", |it| it.rate_limit = rate(100, 0));
        refused("rate_limit.burst", |it| it.rate_limit = rate(100, 10_001));
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        accepted(|it| it.url = format!("https://a.example/{}", "x".repeat(2_030)));
        accepted(|it| it.events = vec![crate::Pattern::All; 100]);
        accepted(|it| it.description = "ä".repeat(500));
        accepted(|it| it.retry = Some(vec![SHORTEST_PAUSE, LONGEST_PAUSE]));
        accepted(|it| it.timeout = Some(LONGEST_TIMEOUT));
        accepted(|it| it.rate_limit = Some(RateLimit { interval: SHORTEST_INTERVAL, burst: 1 }));
        accepted(|it| it.rate_limit = Some(RateLimit { interval: LONGEST_INTERVAL, burst: BURST }));
    }
}
