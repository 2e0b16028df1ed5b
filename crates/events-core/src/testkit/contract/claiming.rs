//! Claiming: who gets which delivery, and what comes with it.

use super::steps::ids;
use crate::{
    delivery::Delivery,
    ports::NewDelivery,
    testkit::{Fixture, at, claim, delivery, event, handed_back, retry},
};

/// A claim carries the event, the number of the attempt, the lease and its end.
pub async fn a_claim_carries_all_that_a_handler_needs(fixture: &Fixture) {
    let stored = fixture.routed(event("user.signup").organization("org_1"), vec![delivery("slack", "#general")]).await;
    let claimed = fixture.claimed_one(claim("slack").at(at(3)).lease(30)).await;
    let expected = Delivery {
        delivery_id: claimed.delivery_id,
        lease: claimed.lease,
        lease_until: at(33),
        seq: stored.seq,
        event: stored.event,
        handler: "slack".into(),
        target: "#general".into(),
        attempt: 1,
        due_at: at(0),
        guard: None,
    };
    assert_eq!(claimed, expected);
}

/// "Leases due deliveries": what is due later is not given out before its time, and at its time it is.
pub async fn what_is_due_later_waits(fixture: &Fixture) {
    let later = NewDelivery { due_at: at(10), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![later]).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(9))).await, []);
    assert_eq!(fixture.claimed(claim("slack").at(at(10))).await.len(), 1);
}

/// "Leases … to a worker": while one has it, nobody else gets it, not even after the lease has
/// ended, before the delivery is released.
pub async fn a_leased_delivery_is_given_to_nobody_else(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    fixture.claimed_one(claim("slack").lease(30)).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(1)).worker("another")).await, []);
    let other = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack").at(at(100)).worker("another")).await;
    assert_eq!(claimed.seq, other.seq, "the first one is not released");
}

/// "Of one handler."
pub async fn a_claim_takes_deliveries_of_its_handler_only(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![delivery("email", "x"), delivery("slack", "x")]).await;
    assert_eq!(fixture.claimed_one(claim("slack")).await.handler, "slack".into());
    assert_eq!(fixture.claimed_one(claim("email")).await.handler, "email".into());
}

/// "At most `limit`", and the rest with the next claim.
pub async fn a_claim_is_bounded_by_its_limit(fixture: &Fixture) {
    for _ in 0..5 {
        fixture.sent("slack", "#general").await;
    }
    assert_eq!(fixture.claimed(claim("slack").limit(0)).await, []);
    assert_eq!(fixture.claimed(claim("slack").limit(3)).await.len(), 3);
    assert_eq!(fixture.claimed(claim("slack").limit(3)).await.len(), 2);
}

/// "Deliveries of one target come in the order of due time, then id."
pub async fn deliveries_of_a_target_come_by_due_time_then_id(fixture: &Fixture) {
    let due = |seconds| NewDelivery { due_at: at(seconds), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![due(5), due(2), due(5), due(1)]).await;
    let claimed = fixture.claimed(claim("slack").at(at(9))).await;
    assert!(claimed.is_sorted_by_key(|it| (it.due_at, it.delivery_id)), "{claimed:?}");
    assert_eq!(claimed.iter().map(|it| it.due_at).collect::<Vec<_>>(), [at(1), at(2), at(5), at(5)]);
}

/// "A claim adds one to the delivery's attempts and to its lease."
pub async fn attempts_and_lease_grow_with_each_claim(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(10), at(1))).await;
    let second = fixture.claimed_one(claim("slack").at(at(10))).await;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    fixture.settled(handed_back(&second, at(11))).await;
    let third = fixture.claimed_one(claim("slack").at(at(11))).await;
    assert_eq!(third.attempt, 2, "what was handed back does not count");
    assert!(first.lease < second.lease && second.lease < third.lease);
}

/// Targets come in the order in which they became ready, then by name, each with its deliveries together.
pub async fn targets_come_in_the_order_in_which_they_became_ready(fixture: &Fixture) {
    let due = |target, seconds| NewDelivery { due_at: at(seconds), ..delivery("slack", target) };
    let deliveries = vec![due("#c", 1), due("#b", 2), due("#a", 2), due("#c", 4), due("#a", 3)];
    fixture.routed(event("user.signup"), deliveries).await;
    let claimed = fixture.claimed(claim("slack").at(at(9))).await;
    assert_eq!(claimed.iter().map(|it| it.target.as_str()).collect::<Vec<_>>(), ["#c", "#c", "#a", "#a", "#b"]);
}

/// A claim is over when its delivery is: what was not claimed stays, in the same order.
pub async fn claims_continue_where_the_last_one_ended(fixture: &Fixture) {
    for _ in 0..4 {
        fixture.sent("slack", "#general").await;
    }
    let (first, second) = (fixture.claimed(claim("slack").limit(2)).await, fixture.claimed(claim("slack")).await);
    let all = [ids(&first), ids(&second)].concat();
    assert!(all.len() == 4 && all.is_sorted_by(|a, b| a < b), "{all:?}");
}
