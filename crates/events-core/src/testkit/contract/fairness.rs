//! Fairness: every target gets its turn before one target gets more.

use super::steps::names;
use crate::{
    delivery::TargetEffect,
    ports::NewDelivery,
    testkit::{Fixture, affecting, at, claim, delivery, done, event},
};

/// `count` deliveries to one target, due at `seconds`.
async fn pile(fixture: &Fixture, target: &str, count: usize, seconds: i64) {
    let waiting = NewDelivery { due_at: at(seconds), ..delivery("webhooks", target) };
    fixture.routed(event("user.signup"), vec![waiting; count]).await;
}

async fn claimed_targets(fixture: &Fixture, limit: usize) -> Vec<String> {
    let claimed = fixture.claimed(claim("webhooks").at(at(10)).limit(limit)).await;
    names(claimed.into_iter().map(|it| it.target))
}

/// "Every target with due work gets its turn before one target gets more."
pub async fn a_pile_for_one_target_does_not_hold_up_the_others(fixture: &Fixture) {
    pile(fixture, "a", 50, 1).await;
    pile(fixture, "b", 1, 2).await;
    pile(fixture, "c", 1, 3).await;
    assert_eq!(claimed_targets(fixture, 4).await, ["a", "a", "b", "c"]);
}

/// Each target has the same share of the limit.
pub async fn targets_share_a_claim_evenly(fixture: &Fixture) {
    for target in ["a", "b", "c"] {
        pile(fixture, target, 9, 0).await;
    }
    assert_eq!(claimed_targets(fixture, 6).await, ["a", "a", "b", "b", "c", "c"]);
}

/// What some targets leave of their share goes to those with more, in the same order.
pub async fn room_that_is_left_goes_to_targets_with_more(fixture: &Fixture) {
    pile(fixture, "a", 1, 1).await;
    pile(fixture, "b", 4, 2).await;
    pile(fixture, "c", 9, 3).await;
    // Shares of three; `a` leaves two, of which `b` takes one.
    assert_eq!(claimed_targets(fixture, 9).await, ["a", "b", "b", "b", "b", "c", "c", "c", "c"]);
}

/// With more targets than the limit, those that have waited longest have their turn, and the
/// others have theirs with the next claim.
pub async fn a_small_claim_serves_those_that_have_waited_longest(fixture: &Fixture) {
    for (target, seconds) in [("a", 4), ("b", 3), ("c", 2), ("d", 1)] {
        pile(fixture, target, 2, seconds).await;
    }
    assert_eq!(claimed_targets(fixture, 2).await, ["d", "c"]);
    assert_eq!(claimed_targets(fixture, 2).await, ["d", "c"], "what is left of them is older than the others");
    assert_eq!(claimed_targets(fixture, 2).await, ["b", "a"]);
}

/// A target that rests takes no share of a claim.
pub async fn a_target_that_rests_takes_no_share(fixture: &Fixture) {
    pile(fixture, "a", 1, 0).await;
    let claimed = fixture.claimed_one(claim("webhooks")).await;
    let pause = TargetEffect::PauseUntil(at(60));
    fixture.settled(affecting(done(&claimed, at(1)), pause)).await;
    pile(fixture, "a", 5, 0).await;
    pile(fixture, "b", 2, 2).await;
    assert_eq!(claimed_targets(fixture, 2).await, ["b", "b"]);
}

/// A target that was paused is as old as the end of its pause, however long its deliveries waited.
pub async fn a_paused_target_queues_up_again_at_the_end_of_its_pause(fixture: &Fixture) {
    pile(fixture, "a", 1, 0).await;
    let claimed = fixture.claimed_one(claim("webhooks")).await;
    fixture.settled(affecting(done(&claimed, at(1)), TargetEffect::PauseUntil(at(5)))).await;
    pile(fixture, "a", 1, 0).await;
    pile(fixture, "b", 1, 4).await;
    assert_eq!(claimed_targets(fixture, 1).await, ["b"]);
}

/// "None gets more than its allowance", and what it leaves goes to others.
pub async fn a_target_gets_no_more_than_its_allowance(fixture: &Fixture) {
    for target in ["a", "b", "c"] {
        pile(fixture, target, 9, 0).await;
    }
    let request = claim("webhooks").at(at(10)).limit(12).allowing("a", 1).each(6);
    let claimed = fixture.claimed(request).await;
    let claimed = names(claimed.into_iter().map(|it| it.target));
    assert_eq!(claimed, ["a", "b", "b", "b", "b", "b", "b", "c", "c", "c", "c", "c"]);
    let claimed = fixture.claimed(claim("webhooks").at(at(10)).limit(100).each(2)).await;
    assert_eq!(names(claimed.into_iter().map(|it| it.target)), ["a", "a", "b", "b", "c", "c"]);
}

/// A target that is allowed nothing takes no place among those that have their turn.
pub async fn a_target_that_is_allowed_nothing_is_passed_over(fixture: &Fixture) {
    for (target, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
        pile(fixture, target, 3, seconds).await;
    }
    let request = claim("webhooks").at(at(10)).limit(2).allowing("a", 0).allowing("nobody", 0);
    let claimed = fixture.claimed(request).await;
    assert_eq!(names(claimed.into_iter().map(|it| it.target)), ["b", "c"]);
    let none = fixture.claimed(claim("webhooks").at(at(10)).allowing("b", 5).each(0).allowing("c", 0)).await;
    assert_eq!(names(none.into_iter().map(|it| it.target)), ["b", "b"]);
    let left = fixture.claimed(claim("webhooks").at(at(10))).await;
    assert_eq!(names(left.into_iter().map(|it| it.target)), ["a", "a", "a", "c", "c"]);
}
