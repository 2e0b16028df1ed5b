//! The health of all endpoints that this process calls, by target.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events_core::{
    Target,
    ports::{TargetLimit, TargetLimits},
    webhooks::RateLimit,
};
use jiff::Timestamp;

use super::{Breaker, Gate, InFlight, Sign};

/// Endpoints that are remembered. Well ones that are not called are dropped first; when all are ailing or being
/// called, more are kept, because forgetting those would call them all at once.
const REMEMBERED: usize = 10_000;

/// What every endpoint is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once at most, however well the endpoint is. 64 by default.
    pub in_flight: u32,
    /// A call that tries an ailing endpoint is given up after this long. A minute by default.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: 64, patience: Duration::from_secs(60) }
    }
}

/// Why a call is not made now. It is not a failure of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// As many calls as the endpoint bears are under way.
    Busy,
    /// Its owner wants no more calls before then.
    TooSoon(Timestamp),
    /// The endpoint is left alone until then.
    Resting(Timestamp),
}

/// The health of endpoints. Cheap to clone; all clones are one book.
#[derive(Clone, Debug)]
pub struct HealthBook {
    limits: Limits,
    pages: Arc<Mutex<HashMap<Target, Page>>>,
}

#[derive(Clone, Copy, Debug)]
struct Page {
    in_flight: InFlight,
    breaker: Breaker,
    under_way: u32,
    /// The state of its rate.
    paced_until: Option<Timestamp>,
    /// Its rate, while it has one.
    rate: Option<RateLimit>,
}

impl Page {
    fn is_forgettable(&self) -> bool {
        self.under_way == 0
            && self.paced_until.is_none()
            && self.breaker == Breaker::default()
            && self.in_flight.is_recovered()
    }
}

impl Page {
    fn keep_pace(&mut self, rate: Option<RateLimit>, now: Timestamp) -> Result<(), Held> {
        let Some(rate) = rate else {
            self.paced_until = None;
            return Ok(());
        };
        let grant = rate.pacing().take(self.paced_until, 1, 1, now);
        if grant.deliveries == 0 {
            return Err(Held::TooSoon(grant.next_at));
        }
        self.paced_until = Some(grant.paced_until);
        Ok(())
    }

    /// What one process should have of it. More than its rate grants now would only be handed back.
    fn limit(&self, now: Timestamp) -> TargetLimit {
        let limit = TargetLimit::calls(self.in_flight.limit() as usize);
        let Some(rate) = self.rate else { return limit };
        let granted = rate.pacing().take(self.paced_until, limit.at_hand, limit.at_hand, now).deliveries.max(1);
        TargetLimit { calls: limit.calls.min(granted), at_hand: granted }
    }
}

/// The right to one call. Its end must be told with [`Permit::end`]; dropped without, the call counts as never made.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    book: HealthBook,
    target: Target,
    under_way: u32,
    ended: bool,
}

impl HealthBook {
    /// An empty book.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pages: Arc::default() }
    }

    /// Asks for a call to this target, which gets no more than `rate` allows.
    ///
    /// # Errors
    /// [`Held`] when it should not be made now.
    pub fn begin(&self, target: &Target, rate: Option<RateLimit>, now: Timestamp) -> Result<Permit, Held> {
        let mut pages = self.pages();
        if pages.len() >= REMEMBERED && !pages.contains_key(target) {
            pages.retain(|_, page| !page.is_forgettable());
        }
        let page = pages.entry(target.clone()).or_insert_with(|| Page {
            in_flight: InFlight::new(self.limits.in_flight),
            breaker: Breaker::default(),
            under_way: 0,
            paced_until: None,
            rate: None,
        });
        page.rate = rate;
        if page.under_way >= page.in_flight.limit() {
            return Err(Held::Busy);
        }
        if let Gate::Shut(until) = page.breaker.ask(now, self.limits.patience) {
            return Err(Held::Resting(until));
        }
        page.keep_pace(rate, now)?;
        page.under_way += 1;
        Ok(Permit { book: self.clone(), target: target.clone(), under_way: page.under_way, ended: false })
    }

    /// Forgets a target that was deleted, or whose URL was changed.
    pub fn forget(&self, target: &Target) {
        if let Some(page) = self.pages().get_mut(target) {
            page.in_flight = InFlight::new(self.limits.in_flight);
            page.breaker = Breaker::default();
        }
    }

    /// What a process should have of each target: as many calls as it bears, and what its rate grants. Those that
    /// are well and are not called just now count as new.
    #[must_use]
    pub fn target_limits(&self, now: Timestamp) -> TargetLimits {
        let each = TargetLimit::calls(InFlight::new(self.limits.in_flight).limit() as usize);
        let pages = self.pages();
        let limits = pages.iter().map(|(target, page)| (target, page, page.limit(now)));
        let differing = limits.filter(|(_, page, limit)| {
            limit.at_hand < each.at_hand || (page.under_way > 0 && limit.at_hand > each.at_hand)
        });
        TargetLimits { each, of: differing.map(|(target, _, limit)| (target.clone(), limit)).collect() }
    }

    /// Until when this target is left alone, if it is.
    #[must_use]
    pub fn rests_until(&self, target: &Target, now: Timestamp) -> Option<Timestamp> {
        match self.pages().get(target)?.breaker {
            Breaker::Open { until, .. } if until > now => Some(until),
            _ => None,
        }
    }

    /// Calls that this target gets at once, for showing it.
    #[must_use]
    pub fn limit(&self, target: &Target) -> u32 {
        let page = self.pages().get(target).map(|page| page.in_flight);
        page.unwrap_or_else(|| InFlight::new(self.limits.in_flight)).limit()
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<Target, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner) // every page is whole at any moment
    }

    fn end(&self, target: &Target, learn: impl FnOnce(&mut Page)) {
        if let Some(page) = self.pages().get_mut(target) {
            page.under_way = page.under_way.saturating_sub(1);
            learn(page);
        }
    }
}

impl Permit {
    /// Tells how the call ended. `jitter` is between -1 and 1.
    pub fn end(mut self, sign: Sign, now: Timestamp, jitter: f64) {
        self.ended = true;
        let under_way = self.under_way;
        self.book.end(&self.target, |page| {
            page.in_flight.learn(sign, under_way);
            page.breaker.learn(sign, now, jitter);
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.ended {
            self.book.end(&self.target, |_| {});
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn target(number: usize) -> Target {
        Target::from(format!("sub_{number}").as_str())
    }

    #[test]
    fn a_target_gets_as_many_calls_as_it_bears_and_no_other_is_held_up() {
        let book = HealthBook::new(Limits::default());
        let permits: Vec<_> = (0..4).map(|_| book.begin(&target(1), None, at(0)).unwrap()).collect();
        assert_eq!(book.begin(&target(1), None, at(0)).unwrap_err(), Held::Busy);
        assert!(book.begin(&target(2), None, at(0)).is_ok());
        drop(permits);
        assert!(book.begin(&target(1), None, at(0)).is_ok(), "calls that were never made hold nothing");
    }

    #[test]
    fn no_more_of_a_target_is_wanted_at_hand_than_its_rate_grants() {
        let book = HealthBook::new(Limits::default());
        let rate = RateLimit { interval: Duration::from_secs(1), burst: 6 };
        let limit = |now: i64| book.target_limits(at(now)).of(&target(1));
        assert_eq!(limit(0), TargetLimit::calls(4), "nothing is known of its rate before the first call");
        for left in (0..6).rev() {
            book.begin(&target(1), Some(rate), at(0)).unwrap().end(Sign::Well, at(0), 0.0);
            assert_eq!(limit(0).at_hand, left.max(1), "one, so that it is asked for at all");
        }
        assert_eq!((limit(3).at_hand, limit(60).at_hand), (3, 6));
        book.begin(&target(1), None, at(60)).unwrap().end(Sign::Well, at(60), 0.0);
        assert!(limit(60).at_hand >= TargetLimit::calls(4).at_hand, "its owner lifted the rate");
    }

    #[test]
    fn a_target_that_hangs_rests_and_is_tried_once() {
        let book = HealthBook::new(Limits::default());
        for _ in 0..5 {
            book.begin(&target(1), None, at(0)).unwrap().end(Sign::Strained, at(0), 0.0);
        }
        assert_eq!(book.limit(&target(1)), 1);
        assert_eq!(book.begin(&target(1), None, at(1)).unwrap_err(), Held::Resting(at(5)));
        let trial = book.begin(&target(1), None, at(5)).unwrap();
        assert_eq!(book.begin(&target(1), None, at(5)).unwrap_err(), Held::Busy);
        trial.end(Sign::Well, at(6), 0.0);
        assert!(book.begin(&target(1), None, at(6)).is_ok());
    }

    #[test]
    fn well_targets_are_forgotten_and_ailing_ones_are_not() {
        let book = HealthBook::new(Limits::default());
        book.begin(&target(0), None, at(0)).unwrap().end(Sign::Strained, at(0), 0.0);
        let under_way = book.begin(&target(1), None, at(0)).unwrap();
        for number in 2..REMEMBERED + 100 {
            book.begin(&target(number), None, at(0)).unwrap().end(Sign::Well, at(0), 0.0);
        }
        assert!(book.pages().len() < REMEMBERED);
        assert!(book.pages().contains_key(&target(0)) && book.pages().contains_key(&target(1)));
        under_way.end(Sign::Well, at(1), 0.0);
        book.forget(&target(0));
        assert_eq!(book.limit(&target(0)), 4);
    }
}
