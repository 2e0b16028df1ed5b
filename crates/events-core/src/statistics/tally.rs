//! What came of attempts, added up, and the rates that follow.

use super::{AttemptGroup, Latencies};
use crate::delivery::AttemptOutcome;

/// What came of attempts, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Deliveries that succeeded; each has one attempt that did.
    pub succeeded: u64,
    /// Attempts that failed and were to be followed by another, those of workers that died included.
    pub failed: u64,
    /// Deliveries that failed for good, with their last attempt.
    pub dead: u64,
    /// Deliveries that were rightly not sent; no attempt is counted for them.
    pub dropped: u64,
    /// Attempts that were not the first at their delivery.
    pub retries: u64,
    /// How long all of [`Self::latencies`] took together, in milliseconds.
    pub duration_ms: u64,
    /// How long attempts took that were made to their end.
    pub latencies: Latencies,
}

impl Tally {
    /// Counts attempts.
    pub fn add(&mut self, group: &AttemptGroup) {
        let count = match group.outcome {
            AttemptOutcome::Dropped => &mut self.dropped,
            AttemptOutcome::Done => &mut self.succeeded,
            AttemptOutcome::Dead => &mut self.dead,
            AttemptOutcome::Retry | AttemptOutcome::Lost => &mut self.failed,
        };
        *count = count.saturating_add(group.count);
        if group.outcome == AttemptOutcome::Dropped {
            return;
        }
        if group.is_retry {
            self.retries = self.retries.saturating_add(group.count);
        }
        // Nobody knows how long a worker took that was not heard of again.
        if group.outcome != AttemptOutcome::Lost {
            let together = u64::from(group.duration_ms).saturating_mul(group.count);
            self.duration_ms = self.duration_ms.saturating_add(together);
            self.latencies.add(group.duration_ms, group.count);
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        let Self { succeeded, failed, dead, dropped, retries, duration_ms, latencies } = self;
        for (count, more) in [
            (succeeded, other.succeeded),
            (failed, other.failed),
            (dead, other.dead),
            (dropped, other.dropped),
            (retries, other.retries),
            (duration_ms, other.duration_ms),
        ] {
            *count = count.saturating_add(more);
        }
        latencies.merge(&other.latencies);
    }

    /// Attempts made.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.succeeded.saturating_add(self.failed_attempts())
    }

    /// Attempts that did not succeed.
    #[must_use]
    pub fn failed_attempts(&self) -> u64 {
        self.failed.saturating_add(self.dead)
    }

    /// Which share of the deliveries that were sent to their end succeeded; `None` while there are none (R316).
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        share(self.succeeded, self.succeeded.saturating_add(self.dead))
    }

    /// Which share of the attempts was not the first at its delivery; `None` while there are none (R318).
    #[must_use]
    pub fn retry_rate(&self) -> Option<f64> {
        share(self.retries, self.attempts())
    }

    /// How long an attempt took on average, in milliseconds; `None` while there are none (R317).
    #[must_use]
    pub fn average_ms(&self) -> Option<f64> {
        share(self.duration_ms, self.latencies.calls())
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Day;

    fn group(outcome: AttemptOutcome, is_retry: bool, duration_ms: u32, count: u64) -> AttemptGroup {
        AttemptGroup {
            handler: "webhooks".into(),
            target: "a".into(),
            organization_id: None,
            day: Day(0),
            outcome,
            is_retry,
            duration_ms,
            count,
        }
    }

    fn tally(groups: &[AttemptGroup]) -> Tally {
        let mut tally = Tally::default();
        groups.iter().for_each(|group| tally.add(group));
        tally
    }

    #[test]
    fn rates_follow_from_what_came_of_attempts() {
        use AttemptOutcome::{Dead, Done, Dropped, Lost, Retry};
        let tally = tally(&[
            group(Done, false, 10, 6),
            group(Retry, false, 100, 2),
            group(Retry, true, 100, 1),
            group(Lost, false, 0, 1),
            group(Done, true, 20, 1),
            group(Dead, true, 40, 1),
            group(Dropped, false, 0, 5),
        ]);
        assert_eq!((tally.attempts(), tally.failed_attempts(), tally.dropped), (12, 5, 5));
        assert_eq!(tally.success_rate(), Some(7.0 / 8.0), "of eight deliveries that ended, one died");
        assert_eq!(tally.retry_rate(), Some(3.0 / 12.0));
        assert_eq!(tally.average_ms(), Some(420.0 / 11.0), "a lost one took nobody knows how long");
        assert_eq!(tally.latencies.calls(), 11);
    }

    #[test]
    fn nothing_has_no_rates() {
        let none = Tally::default();
        assert_eq!((none.success_rate(), none.retry_rate(), none.average_ms()), (None, None, None));
        let waits = tally(&[group(AttemptOutcome::Retry, false, 5, 1)]);
        assert_eq!((waits.success_rate(), waits.retry_rate()), (None, Some(0.0)), "no delivery has ended");
    }

    #[test]
    fn tallies_add_up() {
        use AttemptOutcome::{Dead, Done};
        let (one, other) = ([group(Done, false, 10, 6)], [group(Dead, true, 9, 2)]);
        let mut sum = tally(&one);
        sum.merge(&tally(&other));
        assert_eq!(sum, tally(&[one, other].concat()));
    }
}
