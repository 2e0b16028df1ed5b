//! How long to wait before the next try to connect.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// Before the first try: a broker that restarts its listener is back at once.
const SHORTEST: Duration = Duration::from_millis(100);

/// Between tries at most: this long after the broker is back, everybody has it.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double from 100 ms to 5 s, each shortened by up to a half, so that many processes
/// do not come back in step. What lasted longer than the longest pause was worth having: after it
/// they begin at the shortest again.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(SHORTEST)
    }

    /// The pause after something that lasted so long.
    pub(crate) fn after(&mut self, lasted: Duration) -> Duration {
        self.jittered(lasted, random())
    }

    fn jittered(&mut self, lasted: Duration, random: f64) -> Duration {
        if lasted > LONGEST {
            self.0 = SHORTEST;
        }
        let pause = self.0.mul_f64(1.0 - random / 2.0);
        self.0 = (self.0 * 2).min(LONGEST);
        pause
    }
}

/// From 0 to 1. Each `RandomState` has other keys, which is as much randomness as this needs.
fn random() -> f64 {
    f64::from(u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new();
        let mut pause = |lasted| backoff.jittered(Duration::from_secs(lasted), 0.0).as_millis();
        assert_eq!([0; 8].map(&mut pause), [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!([5, 6, 0].map(&mut pause), [5000, 100, 200]);
    }

    #[test]
    fn a_pause_is_shortened_by_a_half_at_most() {
        assert_eq!(Backoff::new().jittered(Duration::ZERO, 1.0), SHORTEST / 2);
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&random()));
        }
    }
}
