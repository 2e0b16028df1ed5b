//! Redriving: a dead letter gets another chance, and its target too.

use super::steps::{all_dead, works};
use crate::{
    delivery::{Delivery, DeliveryState, Guard, TargetEffect},
    ports::{NewDelivery, RedriveFilter},
    testkit::{Fixture, affecting, at, claim, dead, delivery, done, event, retry},
};

/// A dead letter of this handler and target, of this organization.
async fn died(fixture: &Fixture, handler: &str, target: &str, organization_id: &str) -> Delivery {
    let stored = event("user.signup").organization(organization_id);
    fixture.routed(stored, vec![delivery(handler, target)]).await;
    let claimed = fixture.claimed_one(claim(handler)).await;
    fixture.settled(dead(&claimed, "gone", at(1))).await;
    claimed
}

/// "Turns dead letters back into deliveries that are due now, with their attempts at zero."
pub async fn a_redriven_delivery_starts_again(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(retry(&first, at(5), at(1))).await;
    let second = fixture.claimed_one(claim("slack").at(at(5))).await;
    fixture.settled(dead(&second, "gone", at(6))).await;
    assert_eq!(works(fixture.store.redrive(all_dead(), at(100)).await), 1);
    assert_eq!(fixture.dead_letters().await, []);
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.delivery_id, record.state), (first.delivery_id, DeliveryState::Pending));
    assert_eq!((record.attempts, record.due_at, record.ended_at), (0, Some(at(100)), None));
    assert_eq!(fixture.claimed(claim("slack").at(at(99))).await, []);
    let again = fixture.claimed_one(claim("slack").at(at(100))).await;
    assert_eq!((again.delivery_id, again.attempt), (first.delivery_id, 1));
    assert!(again.lease > second.lease, "whoever held it before stays fenced out");
    fixture.fenced(done(&second, at(101))).await;
}

/// The attempts before a redrive stay on record, in their order; the last one says how it ended.
pub async fn attempts_before_a_redrive_stay_on_record(fixture: &Fixture) {
    let stored = fixture.sent("slack", "#general").await;
    let first = fixture.claimed_one(claim("slack")).await;
    fixture.settled(dead(&first, "gone", at(6))).await;
    works(fixture.store.redrive(all_dead(), at(100)).await);
    let again = fixture.claimed_one(claim("slack").at(at(100))).await;
    fixture.settled(done(&again, at(101))).await;
    let attempts = fixture.attempts(first.delivery_id).await;
    assert_eq!(attempts.iter().map(|it| (it.number, it.created_at)).collect::<Vec<_>>(), [(1, at(6)), (1, at(101))]);
    let record = fixture.delivery_of(&stored).await;
    assert_eq!((record.state, record.ended_at), (DeliveryState::Succeeded, Some(at(101))));
    assert_eq!(fixture.detail(stored.event.event_id).await.processed_at, Some(at(101)));
}

/// "And enables the targets they go to": what else waits for them flows again.
pub async fn redriving_enables_the_target(fixture: &Fixture) {
    for _ in 0..2 {
        fixture.sent("slack", "#general").await;
    }
    let claimed = fixture.claimed_one(claim("slack").limit(1)).await;
    let disable = TargetEffect::Disable("410 gone".to_owned());
    fixture.settled(affecting(dead(&claimed, "410 gone", at(1)), disable)).await;
    assert_eq!(fixture.claimed(claim("slack").at(at(2))).await, []);
    works(fixture.store.redrive(all_dead(), at(3)).await);
    assert_eq!(works(fixture.targets.troubled(at(3)).await), []);
    assert_eq!(fixture.claimed(claim("slack").at(at(3))).await.len(), 2);
}

/// A pause ends with the redrive too.
pub async fn redriving_ends_the_pause_of_the_target(fixture: &Fixture) {
    fixture.sent("slack", "#general").await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(affecting(dead(&claimed, "429", at(1)), TargetEffect::PauseUntil(at(1_000)))).await;
    works(fixture.store.redrive(all_dead(), at(3)).await);
    assert_eq!(fixture.claimed(claim("slack").at(at(3))).await.len(), 1);
}

/// "Absent filters do not restrict", and those that are there combine.
pub async fn a_redrive_takes_what_its_filters_name(fixture: &Fixture) {
    let a = died(fixture, "slack", "#a", "org_1").await;
    let b = died(fixture, "slack", "#b", "org_1").await;
    died(fixture, "email", "x", "org_1").await;
    died(fixture, "slack", "#a", "org_2").await;
    let redriven = async |filter: RedriveFilter| works(fixture.store.redrive(filter, at(9)).await);
    let none = RedriveFilter { deliveries: Some(vec![]), ..all_dead() };
    assert_eq!(redriven(none).await, 0, "an empty list names nothing");
    let of_another = RedriveFilter {
        deliveries: Some(vec![a.delivery_id, b.delivery_id]),
        target: Some("#a".into()),
        organization_id: Some("org_2".to_owned()),
        ..all_dead()
    };
    assert_eq!(redriven(of_another).await, 0);
    assert_eq!(redriven(RedriveFilter { deliveries: Some(vec![b.delivery_id]), ..all_dead() }).await, 1);
    assert_eq!(redriven(RedriveFilter { handler: Some("email".into()), ..all_dead() }).await, 1);
    assert_eq!(redriven(RedriveFilter { organization_id: Some("org_2".to_owned()), ..all_dead() }).await, 1);
    let left = fixture.dead_letters().await;
    assert_eq!(left.iter().map(|it| it.delivery_id).collect::<Vec<_>>(), [a.delivery_id]);
    assert_eq!(redriven(RedriveFilter { target: Some("#a".into()), ..all_dead() }).await, 1);
    assert_eq!(redriven(all_dead()).await, 0);
}

/// "At most this many, oldest first."
pub async fn the_oldest_dead_letters_are_redriven_first(fixture: &Fixture) {
    let mut letters = Vec::new();
    for target in ["#c", "#a", "#b"] {
        letters.push(died(fixture, "slack", target, "org_1").await.delivery_id);
    }
    let two = RedriveFilter { limit: 2, ..all_dead() };
    assert_eq!(works(fixture.store.redrive(two, at(9)).await), 2);
    assert_eq!(fixture.dead_letters().await[0].delivery_id, letters[2]);
}

/// What is redriven is the same delivery: its guard is checked again.
pub async fn a_redriven_delivery_keeps_its_guard(fixture: &Fixture) {
    let guard = Guard { unless: "billing.onboarding_completed".parse().expect("this is an event type") };
    let guarded = NewDelivery { guard: Some(guard.clone()), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![guarded]).await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(dead(&claimed, "gone", at(1))).await;
    works(fixture.store.redrive(all_dead(), at(9)).await);
    assert_eq!(fixture.claimed_one(claim("slack").at(at(9))).await.guard, Some(guard));
}

/// What is redriven is the same delivery: a later event still cancels it.
pub async fn a_redriven_delivery_can_be_cancelled(fixture: &Fixture) {
    let planned = NewDelivery { cancel_key: Some("remind".to_owned()), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![planned]).await;
    let claimed = fixture.claimed_one(claim("slack")).await;
    fixture.settled(dead(&claimed, "gone", at(1))).await;
    works(fixture.store.redrive(all_dead(), at(9)).await);
    let stored = fixture.stored(event("user.login")).await;
    let summary = fixture.route(vec![super::steps::plan_for(&stored, vec![], &["remind"])]).await;
    assert_eq!(summary.cancelled, 1);
}
