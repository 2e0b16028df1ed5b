//! How much a lane holds: of all its work together, and of each target.

use std::time::Duration;

use tokio::time::Instant;

use super::held::Held;
use crate::{
    delivery::Target,
    ports::{Allowances, TargetLimit, TargetLimits},
};

/// Rounds of calls that are held: while the first is under way, the others are fetched in one claim, since a claim
/// costs the store more than what it gives out.
const AT_HAND: usize = 3;
/// A lane is quick when what it had room for is done, and the next claim worth it, within this.
const QUICK: Duration = Duration::from_millis(25);
/// Rounds that are held at most: by a quick lane, whose time would go into claims otherwise, and when many deliveries
/// wait for their turn with targets that get as many calls as they may have.
const IN_ALL: usize = 8;

/// How much one lane has room for.
pub(super) struct Room {
    /// Calls at once.
    concurrency: usize,
    /// Rounds of calls that are held.
    rounds: usize,
    /// When a claim last gave all there was room for.
    full_at: Option<Instant>,
}

impl Room {
    pub(super) fn new(concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), rounds: AT_HAND, full_at: None }
    }

    /// As many deliveries are held at most, if each target gets fewer calls than it may have.
    pub(super) fn most(&self) -> usize {
        self.concurrency * self.rounds
    }

    /// How much can be claimed beside what is held; nothing until it is worth a claim.
    pub(super) fn left(&self, held: &Held) -> usize {
        let (calls, in_all) = held.calls();
        let left = self.most().saturating_sub(calls).min((self.concurrency * IN_ALL).saturating_sub(in_all));
        if left >= (self.concurrency * 2).max(self.most() / 2) { left } else { 0 }
    }

    /// Learns from a claim, which gave all there was room for or not. What targets hold at most tells nothing of how
    /// quick the lane is.
    pub(super) fn claimed(&mut self, all: bool, now: Instant) {
        let is_quick = all && self.full_at.is_some_and(|before| now - before <= QUICK);
        self.rounds = if is_quick { (self.rounds + 1).min(IN_ALL) } else { AT_HAND };
        self.full_at = all.then_some(now);
    }
}

/// A target, and how much of it the lane may have.
pub(super) struct Allowed {
    pub(super) target: Target,
    pub(super) limit: TargetLimit,
}

impl Allowed {
    pub(super) fn of(target: Target, limits: &TargetLimits) -> Self {
        Self { limit: limits.of(&target), target }
    }

    /// What may be claimed while `held` of it are held. Nothing until there is room for two rounds of calls, or
    /// half of it is free: otherwise each call that ends would be followed by a claim of one.
    pub(super) fn left(&self, held: usize) -> usize {
        let TargetLimit { calls, at_hand } = self.limit;
        let left = at_hand.saturating_sub(held);
        if left >= at_hand.div_ceil(2).min(calls.saturating_mul(2)) { left } else { 0 }
    }
}

/// How much of each target may be claimed beside what is held of it.
pub(super) fn left_of(limits: &TargetLimits, held: &Held) -> Allowances {
    let of = limits.of.iter().map(|(target, limit)| (target.clone(), limit.at_hand)).collect();
    let mut left = Allowances { each: limits.each.at_hand, of };
    if *limits != TargetLimits::default() {
        for (target, count) in held.by_target() {
            let allowed = Allowed::of(target, limits);
            left.of.insert(allowed.target.clone(), allowed.left(count));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Full claims that follow each other after so many milliseconds.
    fn most_after(pauses: &[u64]) -> usize {
        let (mut room, mut now) = (Room::new(10), Instant::now());
        room.claimed(true, now);
        for pause in pauses {
            now += Duration::from_millis(*pause);
            room.claimed(true, now);
        }
        room.most()
    }

    #[test]
    fn a_quick_lane_holds_more_and_a_slow_one_three_rounds() {
        assert_eq!(most_after(&[]), 30, "a first claim tells nothing about speed");
        assert_eq!(most_after(&[5]), 40);
        assert_eq!(most_after(&[5, 25, 5, 5, 5]), 80);
        assert_eq!(most_after(&[5, 25, 5, 5, 5, 5]), 80, "eight rounds at most");
        assert_eq!(most_after(&[5, 5, 5, 26]), 30);
    }

    #[test]
    fn a_claim_that_leaves_room_ends_the_hurry() {
        let (mut room, now) = (Room::new(10), Instant::now());
        room.claimed(true, now);
        room.claimed(true, now);
        room.claimed(false, now);
        assert_eq!(room.most(), 30);
        room.claimed(true, now);
        assert_eq!(room.most(), 30, "what came before it counts no longer");
    }
}
