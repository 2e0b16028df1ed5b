//! How fast a target may be called, decided from its state and the time.

use std::time::Duration;

use jiff::Timestamp;

/// A rate for each target of a handler, and when to send one digest instead of many messages.
///
/// The rate is a token bucket kept as one time (the generic cell rate algorithm): a target may
/// be called once per `interval` and may save up `burst` calls. The state lives in the store,
/// so all workers together keep to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// One call per this much time.
    pub interval: Duration,
    /// Calls that may be made at once after a rest.
    pub burst: u32,
    /// When more deliveries than this wait for one target, they are handled as one digest, in one call.
    pub digest_over: usize,
    /// At most this many deliveries in one digest.
    pub digest_max: usize,
}

/// What a target gives out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Deliveries to claim.
    pub deliveries: usize,
    /// The target's new pacing state.
    pub paced_until: Timestamp,
    /// When the target can next be called.
    pub next_at: Timestamp,
}

impl Pacing {
    /// What to claim for a target with `waiting` due deliveries.
    ///
    /// `paced_until` is the state left by the last grant: the time at which the bucket is full
    /// again; `None` for a target that was never called. Bounded by `limit` deliveries; a digest
    /// is never begun with a limit that would leave it smaller than two.
    #[must_use]
    pub fn take(&self, paced_until: Option<Timestamp>, waiting: usize, limit: usize, now: Timestamp) -> Grant {
        let interval = i64::try_from(self.interval.as_micros()).unwrap_or(i64::MAX).max(1);
        let capacity = interval.saturating_mul(i64::from(self.burst.max(1)));
        let now_us = now.as_microsecond();
        let empty_at = now_us.saturating_sub(capacity);
        // The state counts from `capacity` before now (all tokens there) up to now (none left).
        let state = paced_until.map_or(empty_at, |full| (full.as_microsecond().saturating_sub(capacity)).max(empty_at));
        let tokens = usize::try_from((now_us - state) / interval).unwrap_or(0);

        let (calls, deliveries) = match (tokens.min(limit), waiting) {
            (0, _) | (_, 0) => (0, 0),
            (_, waiting) if waiting > self.digest_over => (1, waiting.min(self.digest_max).min(limit)),
            (calls, waiting) => (calls.min(waiting), calls.min(waiting)),
        };
        let state = state.saturating_add(interval.saturating_mul(i64::try_from(calls).unwrap_or(i64::MAX)));
        let at = |us: i64| Timestamp::from_microsecond(us).unwrap_or(now);
        Grant {
            deliveries,
            paced_until: at(state.saturating_add(capacity)),
            next_at: at(state.saturating_add(interval).max(now_us)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLACK: Pacing = Pacing { interval: Duration::from_secs(1), burst: 3, digest_over: 5, digest_max: 50 };

    fn at(seconds: f64) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "small test times")]
        Timestamp::from_microsecond(1_000_000_000 + (seconds * 1e6) as i64).unwrap()
    }

    #[test]
    fn a_rested_target_gives_its_burst_then_one_per_interval() {
        let first = SLACK.take(None, 5, 100, at(0.0));
        assert_eq!((first.deliveries, first.next_at), (3, at(1.0)));
        let early = SLACK.take(Some(first.paced_until), 2, 100, at(0.9));
        assert_eq!((early.deliveries, early.next_at), (0, at(1.0)));
        let second = SLACK.take(Some(early.paced_until), 2, 100, at(1.0));
        assert_eq!((second.deliveries, second.next_at), (1, at(2.0)));
        let rested = SLACK.take(Some(second.paced_until), 5, 100, at(60.0));
        assert_eq!(rested.deliveries, 3, "a long rest saves up no more than the burst");
    }

    #[test]
    fn a_pile_is_one_call() {
        let digest = SLACK.take(None, 6, 100, at(0.0));
        assert_eq!((digest.deliveries, digest.next_at), (6, at(0.0)), "two tokens are left");
        assert_eq!(SLACK.take(None, 500, 100, at(0.0)).deliveries, 50);
        assert_eq!(SLACK.take(Some(at(3.0)), 500, 100, at(0.0)).deliveries, 0, "no token, no digest");
    }

    /// Over any sequence of askings, no window holds more calls than the rate allows.
    #[test]
    fn the_rate_holds_over_time() {
        let (mut state, mut calls) = (None, 0);
        for tenth in 0..1_000_i32 {
            let grant = SLACK.take(state, 2, 100, at(f64::from(tenth) / 10.0));
            calls += grant.deliveries;
            state = Some(grant.paced_until);
        }
        assert_eq!(calls, 3 + 99);
    }
}
