//! When a failed delivery is tried again: a function of the attempt, the time and a jitter.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::DeliveryId;

/// Longest pause a target may ask for. A day is what servers that are closed for maintenance
/// announce; anything longer is more likely a mistake, and would look like a loss.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The schedule of attempts.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// Pause after the first attempt.
    pub first: Duration,
    /// Each pause is this many times the one before.
    pub factor: f64,
    /// No pause is longer.
    pub cap: Duration,
    /// Pauses differ by up to this share, so that what failed together does not return together.
    pub jitter: f64,
    /// These pauses, one after the other, instead of growing ones; jitter only makes them longer.
    pub listed: Option<Arc<[Duration]>>,
}

/// 16 attempts, 5 s × 3ⁿ capped at 8 h, ± 25 %: about three days, with most tries in the first hour.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 16,
            first: Duration::from_secs(5),
            factor: 3.0,
            cap: Duration::from_secs(8 * 3600),
            jitter: 0.25,
            listed: None,
        }
    }
}

impl RetryPolicy {
    /// An attempt, and another after each of these pauses, which may be longer by up to a tenth.
    #[must_use]
    pub fn listed(pauses: impl Into<Arc<[Duration]>>) -> Self {
        let pauses = pauses.into();
        let max_attempts = u32::try_from(pauses.len()).unwrap_or(u32::MAX).saturating_add(1);
        Self { max_attempts, jitter: 0.1, listed: Some(pauses), ..Self::default() }
    }

    /// When to try again after attempt number `attempt` failed; `None` when that was the last.
    ///
    /// `jitter` is between -1 and 1. A pause that the target asked for wins over the schedule
    /// when it is longer, up to [`MAX_RETRY_AFTER`].
    #[must_use]
    pub fn next(&self, attempt: u32, now: Timestamp, jitter: f64, retry_after: Option<Duration>) -> Option<Timestamp> {
        if attempt >= self.max_attempts {
            return None;
        }
        let before = attempt.saturating_sub(1);
        let jitter = self.jitter * jitter.clamp(-1.0, 1.0);
        let pause = match &self.listed {
            Some(pauses) => pauses.get(before as usize)?.as_secs_f64() * (1.0 + jitter.abs()),
            None => {
                let grown = self.first.as_secs_f64() * self.factor.powf(f64::from(before));
                grown.min(self.cap.as_secs_f64()) * (1.0 + jitter)
            }
        };
        let pause = Duration::try_from_secs_f64(pause.max(0.0)).unwrap_or(self.cap);
        Some(later(now, retry_after.map_or(pause, |asked| asked.min(MAX_RETRY_AFTER).max(pause))))
    }
}

/// `now` plus `pause`, to the microsecond.
pub(crate) fn later(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    now.checked_add(pause).map_or(Timestamp::MAX, crate::ports::to_micros)
}

/// A number between -1 and 1 for this attempt: spread evenly over deliveries, and the same when
/// asked again. (The finalizer of SplitMix64 spreads consecutive numbers well.)
#[must_use]
pub fn jitter(delivery_id: DeliveryId, attempt: u32) -> f64 {
    let mut z = delivery_id.0.cast_unsigned() ^ (u64::from(attempt) << 48);
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    let fraction = u32::try_from(z >> 40).unwrap_or(0); // 24 bits
    f64::from(fraction) / f64::from(1 << 23) - 1.0
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn schedule(policy: &RetryPolicy) -> Vec<u64> {
        let now = Timestamp::UNIX_EPOCH;
        (1..=policy.max_attempts)
            .filter_map(|attempt| policy.next(attempt, now, 0.0, None))
            .map(|at| u64::try_from(at.as_second()).unwrap())
            .collect()
    }

    #[test]
    fn the_default_schedule_is_five_seconds_times_three_up_to_eight_hours() {
        let pauses = schedule(&RetryPolicy::default());
        assert_eq!(pauses.len(), 15);
        assert_eq!(pauses[..9], [5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 28_800]);
        assert_eq!(pauses[14], 28_800);
    }

    #[test]
    fn listed_pauses_follow_each_other_and_jitter_only_makes_them_longer() {
        let policy = RetryPolicy::listed([5, 300, 1_800].map(Duration::from_secs));
        assert_eq!(schedule(&policy), [5, 300, 1_800]);
        for jitter in [-1.0, -0.3, 0.4, 1.0] {
            let at = policy.next(2, Timestamp::UNIX_EPOCH, jitter, None).unwrap();
            assert!((300..=330).contains(&at.as_second()), "{at} with {jitter}");
        }
        assert_eq!(policy.next(4, Timestamp::UNIX_EPOCH, 0.0, None), None);
    }

    #[test]
    fn the_last_attempt_has_no_successor() {
        assert_eq!(RetryPolicy::default().next(16, Timestamp::UNIX_EPOCH, 0.0, None), None);
        let once = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
        assert_eq!(once.next(1, Timestamp::UNIX_EPOCH, 0.0, None), None);
    }

    #[test]
    fn a_pause_that_was_asked_for_wins_when_it_is_longer_and_sane() {
        let next = |asked| {
            let at = RetryPolicy::default().next(1, Timestamp::UNIX_EPOCH, 0.0, Some(Duration::from_secs(asked)));
            at.unwrap().as_second()
        };
        assert_eq!(next(30), 30);
        assert_eq!(next(0), 5, "an impatient target does not shorten the schedule");
        assert_eq!(next(10_000_000), 24 * 3600);
    }

    #[test]
    fn jitter_stays_in_its_share_and_spreads() {
        let policy = RetryPolicy::default();
        let mut seconds = Vec::new();
        for id in 0..1_000 {
            let at = policy.next(2, Timestamp::UNIX_EPOCH, jitter(DeliveryId(id), 2), None).unwrap();
            seconds.push(at.as_microsecond() as f64 / 1e6);
        }
        let (min, max) = seconds.iter().fold((f64::MAX, 0.0_f64), |(min, max), &s| (min.min(s), max.max(s)));
        assert!((11.25..11.5).contains(&min) && (18.5..=18.75).contains(&max), "{min} {max}");
        let mean = seconds.iter().sum::<f64>() / 1_000.0;
        assert!((14.5..15.5).contains(&mean), "{mean}");
    }

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let pause = || (1..100_000_u64).prop_map(Duration::from_secs);
        let growing = (1..20_u32, pause(), 1.0..5.0, pause(), 0.0..1.0);
        prop_oneof![
            growing.prop_map(|(max_attempts, first, factor, cap, jitter)| {
                RetryPolicy { max_attempts, first, factor, cap, jitter, listed: None }
            }),
            vec(pause(), 0..20).prop_map(RetryPolicy::listed),
        ]
    }

    /// A policy, and an attempt that has a successor.
    fn any_attempt() -> impl Strategy<Value = (RetryPolicy, u32)> {
        let retrying = any_policy().prop_filter("it tries once", |policy| policy.max_attempts > 1);
        retrying.prop_flat_map(|policy| {
            let attempts = 1..policy.max_attempts;
            (Just(policy), attempts)
        })
    }

    proptest! {
        #[test]
        fn no_attempt_comes_before_its_pause_or_after_what_jitter_adds_to_it(
            (policy, attempt) in any_attempt(), jitter in -1.5..1.5_f64, start in 0..4_000_000_000_i64,
        ) {
            let now = Timestamp::from_second(start).unwrap();
            let waited = policy.next(attempt, now, jitter, None).unwrap().as_microsecond() - now.as_microsecond();
            let (pause, least) = match &policy.listed {
                Some(pauses) => (pauses[attempt as usize - 1].as_secs_f64(), 1.0),
                None => {
                    let cap = policy.cap.as_secs_f64();
                    let first = policy.first.as_secs_f64().min(cap);
                    ((1..attempt).fold(first, |pause, _| (pause * policy.factor).min(cap)), 1.0 - policy.jitter)
                }
            };
            let micros = |share: f64| (pause * share * 1e6).round() as i64;
            let (least, most) = (micros(least), micros(1.0 + policy.jitter));
            // To the microsecond, which is what stores keep.
            prop_assert!((least - 1..=most + 1).contains(&waited), "{waited} is not between {least} and {most}");
        }

        #[test]
        fn a_policy_gives_up_after_its_last_attempt_and_not_before(
            policy in any_policy(), attempt in 1..25_u32, asked in proptest::option::of(0..200_000_u64),
        ) {
            let next = policy.next(attempt, Timestamp::UNIX_EPOCH, 0.0, asked.map(Duration::from_secs));
            prop_assert_eq!(next.is_some(), attempt < policy.max_attempts);
        }

        #[test]
        fn what_a_target_asks_for_is_kept_to_up_to_a_day_and_shortens_no_pause(
            (policy, attempt) in any_attempt(), jitter in -1.0..1.0_f64, asked in 0..200_000_u64,
        ) {
            let next = |asked| policy.next(attempt, Timestamp::UNIX_EPOCH, jitter, asked).unwrap();
            let day_at_most = Timestamp::from_second(asked.min(86_400).cast_signed()).unwrap();
            prop_assert_eq!(next(Some(Duration::from_secs(asked))), next(None).max(day_at_most));
        }
    }
}
