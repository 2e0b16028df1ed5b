//! When an endpoint is left alone: after calls in a row that failed, for longer each time, with one call to try it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Sign;

/// Strained calls in a row after which the endpoint is left alone.
const FAILURES: u32 = 5;
/// The first pause.
const FIRST: Duration = Duration::from_secs(5);
/// No pause is longer. Five minutes are nothing to a receiver that was down, and few enough calls to one that is.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// Pauses are longer or shorter by up to this share, so that endpoints of one host do not return together.
const JITTER: f64 = 0.25;

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Go on.
    Open,
    /// Go on, as the one call that tries the endpoint. Its result must be told.
    Probe,
    /// Not before this time, or before the call that tries the endpoint has ended.
    Shut(Timestamp),
}

/// The state of one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go on; as many in a row were strained.
    Closed {
        /// Strained calls in a row.
        failures: u32,
    },
    /// No call before `until`.
    Open {
        /// When it is tried again.
        until: Timestamp,
        /// Pauses so far, this one included.
        pauses: u32,
    },
    /// One call tries the endpoint.
    HalfOpen {
        /// When another one may, should this one never end.
        until: Timestamp,
        /// Pauses so far.
        pauses: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Asks for a call. A trial that is not told of within `patience` is given up, because its worker may have died.
    pub fn ask(&mut self, now: Timestamp, patience: Duration) -> Gate {
        match *self {
            Self::Closed { .. } => Gate::Open,
            Self::Open { until, .. } | Self::HalfOpen { until, .. } if now < until => Gate::Shut(until),
            Self::Open { pauses, .. } | Self::HalfOpen { pauses, .. } => {
                *self = Self::HalfOpen { until: later(now, patience), pauses };
                Gate::Probe
            }
        }
    }

    /// Tells of a call. `jitter` is between -1 and 1.
    pub fn learn(&mut self, sign: Sign, now: Timestamp, jitter: f64) {
        *self = match (*self, sign) {
            (_, Sign::Well | Sign::Refusing) => Self::default(),
            (Self::Closed { failures }, Sign::Strained) if failures + 1 < FAILURES => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. }, Sign::Strained) => Self::pause(1, now, jitter),
            // A call from before the pause; the pause is there already.
            (open @ Self::Open { .. }, Sign::Strained) => open,
            (Self::HalfOpen { pauses, .. }, Sign::Strained) => Self::pause(pauses.saturating_add(1), now, jitter),
        };
    }

    fn pause(pauses: u32, now: Timestamp, jitter: f64) -> Self {
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow(pauses - 1)).min(LONGEST);
        let pause = doubled.mul_f64(1.0 + JITTER * jitter.clamp(-1.0, 1.0));
        Self::Open { until: later(now, pause), pauses }
    }
}

fn later(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX);
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(15);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.ask(at(0), PATIENCE), Gate::Open);
            breaker.learn(Sign::Strained, at(0), 0.0);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_a_breaker() {
        let mut breaker = Breaker::default();
        for sign in [Sign::Well, Sign::Refusing] {
            for _ in 0..FAILURES - 1 {
                breaker.learn(Sign::Strained, at(0), 0.0);
            }
            breaker.learn(sign, at(0), 0.0);
            assert_eq!(breaker.ask(at(0), PATIENCE), Gate::Open);
        }
        assert_eq!(opened().ask(at(0), PATIENCE), Gate::Shut(at(5)));
    }

    #[test]
    fn one_call_tries_the_endpoint_and_pauses_double_up_to_five_minutes() {
        let (mut breaker, mut now) = (opened(), 0);
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(breaker.ask(at(now + pause - 1), PATIENCE), Gate::Shut(at(now + pause)));
            now += pause;
            assert_eq!(breaker.ask(at(now), PATIENCE), Gate::Probe);
            assert_eq!(breaker.ask(at(now), PATIENCE), Gate::Shut(at(now + 15)), "one at a time");
            breaker.learn(Sign::Strained, at(now), 0.0);
        }
        assert_eq!(breaker.ask(at(now + 300), PATIENCE), Gate::Probe);
        breaker.learn(Sign::Well, at(now + 301), 0.0);
        assert_eq!(breaker.ask(at(now + 301), PATIENCE), Gate::Open);
    }

    #[test]
    fn a_trial_that_never_ends_is_followed_by_another() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(at(5), PATIENCE), Gate::Probe);
        assert_eq!(breaker.ask(at(20), PATIENCE), Gate::Probe);
    }

    #[test]
    fn calls_from_before_the_pause_do_not_lengthen_it_and_jitter_moves_it() {
        let mut breaker = opened();
        breaker.learn(Sign::Strained, at(3), 0.0);
        assert_eq!(breaker.ask(at(4), PATIENCE), Gate::Shut(at(5)));
        let until = |jitter| match Breaker::pause(3, at(0), jitter) {
            Breaker::Open { until, .. } => until,
            other => panic!("{other:?}"),
        };
        assert_eq!((until(-1.0), until(1.0), until(9.0)), (at(15), at(25), at(25)));
    }
}
