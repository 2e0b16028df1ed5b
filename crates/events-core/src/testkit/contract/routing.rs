//! Routing: from the list of unrouted events to deliveries, once.

use super::steps::{plan_for, works};
use crate::{
    delivery::{AttemptOutcome, DeliveryState, ErrorClass, Guard},
    event::Seq,
    ports::{NewDelivery, RouteSummary, RoutedEvent},
    testkit::{Fixture, at, claim, delivery, event, retry},
};

/// A reminder for `#general`, due after a day, that `key` cancels.
fn follow_up(key: &str) -> NewDelivery {
    NewDelivery { due_at: at(86_400), cancel_key: Some(key.to_owned()), ..delivery("slack", "#general") }
}

/// "The oldest events that are not routed yet, by position in the log, at most `limit`."
pub async fn unrouted_events_come_oldest_first(fixture: &Fixture) {
    let mut stored = Vec::new();
    for _ in 0..3 {
        stored.push(fixture.stored(event("user.signup")).await);
    }
    assert_eq!(works(fixture.store.unrouted(2).await).events, stored[..2]);
    fixture.route(vec![plan_for(&stored[0], vec![], &[])]).await;
    assert_eq!(works(fixture.store.unrouted(10).await).events, stored[1..]);
}

/// "Takes events off the list of unrouted ones and makes their deliveries, in one commit."
pub async fn routing_takes_an_event_off_the_list_and_makes_its_deliveries(fixture: &Fixture) {
    let stored = fixture.stored(event("user.signup")).await;
    let plan = plan_for(&stored, vec![delivery("slack", "#general"), delivery("email", "a@b.c")], &[]);
    assert_eq!(fixture.route(vec![plan]).await, RouteSummary { events: 1, deliveries: 2, cancelled: 0 });
    assert_eq!(works(fixture.store.unrouted(10).await).events, []);
    let made = fixture.listed(Default::default()).await;
    let seen: Vec<_> = made.iter().map(|it| (it.handler.as_str(), it.target.as_str(), it.state)).collect();
    assert_eq!(seen, [("email", "a@b.c", DeliveryState::Pending), ("slack", "#general", DeliveryState::Pending)]);
    assert!(made.iter().all(|it| it.event_id == stored.event.event_id && it.attempts == 0), "{made:?}");
}

/// "Events that somebody else has routed meanwhile are left alone", with their cancellations.
pub async fn an_event_is_routed_once(fixture: &Fixture) {
    fixture.routed(event("user.signup"), vec![follow_up("remind:org_1")]).await;
    let stored = fixture.sent("slack", "#general").await;
    let again = plan_for(&stored, vec![delivery("slack", "#general")], &["remind:org_1"]);
    assert_eq!(fixture.route(vec![again]).await, RouteSummary::default());
    assert_eq!(fixture.listed(Default::default()).await.len(), 2);
    let unknown = RoutedEvent { seq: Seq(stored.seq.0 + 1_000), deliveries: vec![], cancellations: vec![] };
    assert_eq!(fixture.route(vec![unknown]).await, RouteSummary::default());
}

/// "Each cancelled delivery ends as dropped, with an attempt record that says why."
pub async fn a_cancellation_drops_what_waits_and_says_why(fixture: &Fixture) {
    let planned = fixture.routed(event("user.signup"), vec![follow_up("remind:org_1")]).await;
    let other = fixture.routed(event("user.signup"), vec![follow_up("remind:org_2")]).await;
    let stored = fixture.stored(event("billing.onboarding_completed")).await;
    let summary = fixture.route(vec![plan_for(&stored, vec![], &["remind:org_1", "unknown"])]).await;
    assert_eq!(summary, RouteSummary { events: 1, deliveries: 0, cancelled: 1 });
    let ended = fixture.delivery_of(&planned).await;
    assert_eq!((ended.state, ended.attempts, ended.ended_at), (DeliveryState::Dropped, 0, Some(at(0))));
    assert_eq!(fixture.delivery_of(&other).await.state, DeliveryState::Pending);
    let [record] = &fixture.attempts(ended.delivery_id).await[..] else { panic!("one attempt record") };
    assert_eq!((record.outcome, record.is_final, record.number), (AttemptOutcome::Dropped, true, 0));
    assert_eq!((&record.error_class, record.created_at), (&Some(ErrorClass::CANCELLED), at(0)));
    assert_eq!((record.error.as_deref(), record.duration_ms), (Some("cancelled by a later event"), 0));
}

/// "Cancellations apply to deliveries that are not leased."
pub async fn a_cancellation_spares_what_is_leased(fixture: &Fixture) {
    let planned = fixture.routed(event("user.signup"), vec![follow_up("remind")]).await;
    fixture.claimed_one(claim("slack").at(at(86_400))).await;
    let stored = fixture.stored(event("user.login")).await;
    assert_eq!(fixture.route(vec![plan_for(&stored, vec![], &["remind"])]).await.cancelled, 0);
    assert_eq!(fixture.delivery_of(&planned).await.state, DeliveryState::Leased);
}

/// A delivery that was tried and waits for its next attempt can be cancelled too; the record
/// bears the number of attempts that were begun.
pub async fn a_cancellation_ends_retries(fixture: &Fixture) {
    let planned = fixture.routed(event("user.signup"), vec![follow_up("remind")]).await;
    let claimed = fixture.claimed_one(claim("slack").at(at(86_400))).await;
    fixture.settled(retry(&claimed, at(90_000), at(86_401))).await;
    let stored = fixture.stored(event("user.login")).await;
    assert_eq!(fixture.route(vec![plan_for(&stored, vec![], &["remind"])]).await.cancelled, 1);
    let ended = fixture.delivery_of(&planned).await;
    assert_eq!((ended.state, ended.attempts), (DeliveryState::Dropped, 1));
    let attempts = fixture.attempts(ended.delivery_id).await;
    assert_eq!(attempts.iter().map(|it| (it.number, it.is_final)).collect::<Vec<_>>(), [(1, false), (1, true)]);
}

/// Cancellations apply "before the new ones are made": an event may renew its own reminder.
pub async fn a_cancellation_spares_the_deliveries_of_its_own_event(fixture: &Fixture) {
    let old = fixture.routed(event("user.signup"), vec![follow_up("remind")]).await;
    let renewing = fixture.stored(event("user.signup")).await;
    let plan = plan_for(&renewing, vec![follow_up("remind")], &["remind"]);
    assert_eq!(fixture.route(vec![plan]).await, RouteSummary { events: 1, deliveries: 1, cancelled: 1 });
    assert_eq!(fixture.delivery_of(&old).await.state, DeliveryState::Dropped);
    assert_eq!(fixture.delivery_of(&renewing).await.state, DeliveryState::Pending);
}

/// Events of one call are routed in the order given: a later one cancels what an earlier one planned.
pub async fn events_of_one_call_are_routed_in_order(fixture: &Fixture) {
    let first = fixture.stored(event("user.signup")).await;
    let second = fixture.stored(event("user.login")).await;
    let plans = vec![plan_for(&first, vec![follow_up("remind")], &[]), plan_for(&second, vec![], &["remind"])];
    assert_eq!(fixture.route(plans).await, RouteSummary { events: 2, deliveries: 1, cancelled: 1 });
    assert_eq!(fixture.delivery_of(&first).await.state, DeliveryState::Dropped);
}

/// The guard that is "checked again when it is about to be handled" travels with the delivery.
pub async fn a_guard_travels_with_its_delivery(fixture: &Fixture) {
    let guard = Guard { unless: "billing.onboarding_completed".parse().expect("this is an event type") };
    let guarded = NewDelivery { guard: Some(guard.clone()), ..delivery("slack", "#general") };
    fixture.routed(event("user.signup"), vec![guarded]).await;
    assert_eq!(fixture.claimed_one(claim("slack")).await.guard, Some(guard));
}
