//! How many calls an endpoint gets at once: twice as many after a round of successes until it is first strained, then
//! one more for each round, and half as many after a strained call.

use super::Sign;

/// Calls at once when an endpoint is new or was forgotten. A few, so that a healthy endpoint is not slow at first, and
/// not many, because one that hangs holds them all until their timeout.
const START: f64 = 4.0;

/// A limit that adapts between 1 and its maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InFlight {
    limit: f64,
    most: f64,
    /// It was strained before: the limit grows carefully.
    careful: bool,
}

impl InFlight {
    /// The limit of a new endpoint, which never grows beyond `most` (at least 1).
    #[must_use]
    pub fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        Self { limit: START.min(most), most, careful: false }
    }

    /// Calls at once, at least 1.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a u32")]
    pub fn limit(&self) -> u32 {
        self.limit as u32
    }

    /// What a call of which `under_way` were under way says. The limit grows only when more than half of it is used;
    /// otherwise a quiet endpoint would earn the maximum without ever having stood it.
    pub fn learn(&mut self, sign: Sign, under_way: u32) {
        match sign {
            Sign::Well if under_way * 2 > self.limit() => {
                let more = if self.careful { 1.0 / self.limit } else { 1.0 };
                self.limit = (self.limit + more).min(self.most);
            }
            Sign::Well | Sign::Refusing => {}
            Sign::Strained => {
                self.careful = true;
                self.limit = (self.limit / 2.0).max(1.0);
            }
        }
    }

    /// Whether it is at least where a new one starts.
    pub(super) fn is_recovered(&self) -> bool {
        self.limit >= START.min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_limit_starts_small_doubles_and_halves_and_is_careful_then() {
        let mut in_flight = InFlight::new(32);
        assert_eq!(in_flight.limit(), 4);
        for _ in 0..4 {
            in_flight.learn(Sign::Well, 4);
        }
        assert_eq!(in_flight.limit(), 8);
        for _ in 0..2_000 {
            in_flight.learn(Sign::Well, 32);
        }
        assert_eq!(in_flight.limit(), 32);
        for expected in [16, 8, 4, 2, 1, 1] {
            in_flight.learn(Sign::Strained, 1);
            assert_eq!(in_flight.limit(), expected);
        }
        for (calls, expected) in [(1, 2), (2, 2), (1, 3), (2, 3), (1, 4)] {
            (0..calls).for_each(|_| in_flight.learn(Sign::Well, 4));
            assert_eq!(in_flight.limit(), expected, "one more a round");
        }
    }

    #[test]
    fn a_limit_that_holds_nothing_back_does_not_grow() {
        let mut in_flight = InFlight::new(32);
        for _ in 0..1_000 {
            in_flight.learn(Sign::Well, 1);
            in_flight.learn(Sign::Refusing, 32);
        }
        assert_eq!(in_flight.limit(), 4);
    }

    proptest! {
        #[test]
        fn a_limit_stays_between_one_and_its_maximum(most in 0..100_u32, signs in proptest::collection::vec(0..3_u8, 0..500)) {
            let mut in_flight = InFlight::new(most);
            for sign in signs {
                in_flight.learn([Sign::Well, Sign::Refusing, Sign::Strained][usize::from(sign)], most);
                prop_assert!((1..=most.max(1)).contains(&in_flight.limit()));
            }
        }
    }
}
