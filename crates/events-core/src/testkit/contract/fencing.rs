//! Fencing: whoever lost the claim changes nothing any more.

use super::steps::works;
use crate::{
    delivery::{DeliveryId, DeliveryState, TargetEffect},
    ports::SettleSummary,
    testkit::{Fixture, affecting, at, claim, dead, done, handed_back, retry},
};

/// "A settlement whose lease is no longer the delivery's current one changes nothing and is
/// counted as fenced": another worker has the delivery by now.
pub async fn a_settlement_under_an_older_lease_is_fenced(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let late = fixture.claimed_one(claim("slack").lease(30)).await;
    works(fixture.store.release_expired(at(31), 10).await);
    let current = fixture.claimed_one(claim("slack").at(at(31))).await;
    fixture.fenced(done(&late, at(32))).await;
    fixture.fenced(dead(&late, "gone", at(32))).await;
    assert_eq!(fixture.delivery_of(&stored).await.state, DeliveryState::Leased);
    assert_eq!(fixture.attempts(late.delivery_id).await.len(), 1, "the lost attempt is on record, the late one not");
    assert_eq!(fixture.dead_letters().await, []);
    fixture.settled(done(&current, at(33))).await;
}

/// A lease that was released is over, even before somebody else claims.
pub async fn a_settlement_after_the_release_is_fenced(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let late = fixture.claimed_one(claim("slack").lease(30)).await;
    works(fixture.store.release_expired(at(31), 10).await);
    fixture.fenced(done(&late, at(32))).await;
    assert_eq!(fixture.delivery_of(&stored).await.state, DeliveryState::Pending);
}

/// A lease whose time is over is still held until it is released: the work was not in vain.
pub async fn a_late_settlement_counts_until_the_release(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let late = fixture.claimed_one(claim("slack").lease(30)).await;
    fixture.settled(done(&late, at(100))).await;
    assert_eq!(fixture.delivery_of(&stored).await.state, DeliveryState::Succeeded);
    assert_eq!(works(fixture.store.release_expired(at(101), 10).await), 0);
}

/// "A delivery reaches exactly one final state": the second settlement is fenced, in the same
/// batch or later.
pub async fn a_delivery_is_settled_once(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    let twice = vec![done(&claimed, at(1)), dead(&claimed, "gone", at(1))];
    let summary = works(fixture.store.settle(twice).await);
    assert_eq!(summary, SettleSummary { settled: 1, fenced: vec![claimed.delivery_id] });
    fixture.fenced(retry(&claimed, at(9), at(2))).await;
    assert_eq!(fixture.delivery_of(&stored).await.state, DeliveryState::Succeeded);
    assert_eq!(fixture.attempts(claimed.delivery_id).await.len(), 1);
}

/// What was sent back is no longer held either: neither by a retry nor by handing back.
pub async fn a_lease_ends_with_its_settlement(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(9), at(1))).await;
    fixture.fenced(done(&first, at(2))).await;
    let second = fixture.claimed_one(claim("slack").at(at(9))).await;
    fixture.settled(handed_back(&second, at(10))).await;
    fixture.fenced(handed_back(&second, at(10))).await;
    assert_eq!(fixture.claimed_one(claim("slack").at(at(10))).await.attempt, 2);
}

/// The effect on the target is part of the settlement, and fenced with it.
pub async fn a_fenced_settlement_leaves_the_target_alone(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let late = fixture.claimed_one(claim("slack").lease(30)).await;
    works(fixture.store.release_expired(at(31), 10).await);
    let disable = TargetEffect::Disable("410 gone".to_owned());
    fixture.fenced(affecting(dead(&late, "gone", at(32)), disable)).await;
    fixture.fenced(affecting(retry(&late, at(40), at(32)), TargetEffect::PauseUntil(at(90)))).await;
    assert_eq!(works(fixture.targets.troubled(at(33)).await), []);
    assert_eq!(fixture.claimed(claim("slack").at(at(33))).await.len(), 1);
}

/// Fenced settlements are named in the order given, and stop no neighbour.
pub async fn a_fenced_settlement_stops_no_neighbour(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    let mut unknown = done(&claimed, at(1));
    unknown.delivery_id = DeliveryId(claimed.delivery_id.0 + 1_000);
    let summary = works(fixture.store.settle(vec![unknown.clone(), done(&claimed, at(1))]).await);
    assert_eq!(summary, SettleSummary { settled: 1, fenced: vec![unknown.delivery_id] });
    assert_eq!(fixture.delivery_of(&stored).await.state, DeliveryState::Succeeded);
}
