//! Routing while it runs: wildcards, aliases, follow-ups and loops.

use std::time::Duration;

use serde_json::json;

use super::{Bench, Scripted, event};
use crate::{
    NewEvent, Pattern,
    delivery::DeliveryState,
    routing::{FollowUp, Route},
    types,
};

/// R048 `test_process_event_no_handlers_when_no_config`, R043: stored, routed to nobody, no error.
#[tokio::test(start_paused = true)]
async fn r048_without_handlers_events_are_kept_and_nothing_is_sent() {
    let bench = Bench::start(&[]);
    let published = bench.publish(event("user.signup")).await;
    bench.settled().await;
    assert!(bench.deliveries().await.is_empty());
    let detail = crate::EventHistory::event(&*bench.store, published.event.event_id, None).await.unwrap().unwrap();
    assert!(detail.processed, "R299: an event that nobody asked for is done");
}

/// R199, R200, C22: one type, a prefix, everything.
#[tokio::test(start_paused = true)]
async fn r199_subscriptions_are_exact_or_wild() {
    let handlers = ["user.signup", "billing.*", "*"].map(Scripted::willing);
    let bench = Bench::with_routes(&handlers, |handler| {
        let pattern: Pattern = handler.name.as_str().parse().unwrap();
        vec![Route::new(handler.name.clone(), "default", [pattern])]
    });
    for event_type in ["user.signup", "billing.payment_failed", "other.thing"] {
        bench.publish(event(event_type)).await;
    }
    bench.settled().await;
    assert_eq!(handlers.map(|handler| handler.calls().len()), [1, 1, 3]);
}

/// C12–C14: an alias reaches the handlers of its canonical type, under its own name.
#[tokio::test(start_paused = true)]
async fn an_alias_reaches_the_handlers_of_its_type() {
    let handler = Scripted::willing("slack");
    let bench = Bench::with_routes(std::slice::from_ref(&handler), |_| {
        vec![Route::new("slack".into(), "#signups", [types::AUTH_USER_SIGNED_UP])]
    });
    bench.publish(event("user.signed_up")).await;
    bench.publish(event("user.signup")).await;
    bench.settled().await;
    let calls = handler.calls();
    assert_eq!(calls.len(), 1, "C15: user.signup is another type");
    assert_eq!(calls[0].0[0].event.event_type.as_str(), "user.signed_up");
}

fn reminder() -> Route {
    let follow_up = FollowUp {
        name: "onboarding-reminder".into(),
        delay: Duration::from_secs(24 * 3600),
        unless: types::BILLING_ONBOARDING_COMPLETED,
    };
    Route { follow_up: Some(follow_up), ..Route::new("email".into(), "owner", [types::BILLING_ONBOARDING_STARTED]) }
}

fn onboarding(event_type: crate::EventType, organization: &str) -> NewEvent {
    NewEvent::new(event_type, json!({})).organization(organization)
}

/// C24, C25: the follow-up comes a day later, for the organization that is not done by then.
#[tokio::test(start_paused = true)]
async fn a_follow_up_comes_later_unless_it_was_cancelled() {
    let handler = Scripted::willing("email");
    let bench = Bench::with_routes(std::slice::from_ref(&handler), |_| vec![reminder()]);
    bench.publish(onboarding(types::BILLING_ONBOARDING_STARTED, "slow")).await;
    bench.publish(onboarding(types::BILLING_ONBOARDING_STARTED, "quick")).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    bench.publish(onboarding(types::BILLING_ONBOARDING_COMPLETED, "quick")).await;
    bench.settled().await;
    let calls = handler.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].0[0].event.organization_id.as_deref(), Some("slow"));
    let states: Vec<_> = bench.deliveries().await.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Succeeded, DeliveryState::Dropped]);
}

/// The guard is asked again when the follow-up is about to be sent: a cancellation may come from
/// a process whose table does not know the follow-up.
#[tokio::test(start_paused = true)]
async fn a_guard_drops_a_follow_up_at_the_last_moment() {
    let handler = Scripted::willing("email");
    let bench = Bench::with_routes(std::slice::from_ref(&handler), |_| vec![reminder()]);
    bench.publish(onboarding(types::BILLING_ONBOARDING_STARTED, "a")).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    let done = onboarding(types::BILLING_ONBOARDING_COMPLETED, "a");
    let options = crate::EngineOptions::default();
    let done = done.into_event(&options.origin, &options.limits, &*options.ids, &*options.clock).unwrap();
    let store: &dyn crate::EventStore = &*bench.store;
    store.append(vec![std::sync::Arc::new(done)]).await.unwrap();
    let seq = store.unrouted(10).await.unwrap().events[0].seq;
    let elsewhere = crate::ports::RoutedEvent { seq, deliveries: vec![], cancellations: vec![] };
    store.route(vec![elsewhere], jiff::Timestamp::now()).await.unwrap();
    bench.settled().await;
    assert!(handler.calls().is_empty());
    let delivery = bench.deliveries().await.remove(0);
    assert_eq!(delivery.state, DeliveryState::Dropped);
    let why = bench.attempts(&delivery).await.remove(0).error.unwrap();
    assert_eq!(why, "billing.onboarding_completed happened meanwhile");
}

/// C42
#[tokio::test(start_paused = true)]
async fn a_long_chain_of_causes_ends() {
    let handler = Scripted::willing("all");
    let bench = Bench::start(std::slice::from_ref(&handler));
    let mut cause = bench.publish(event("a.b")).await.event;
    for _ in 0..20 {
        cause = bench.publish(event("a.b").caused_by(&cause)).await.event;
    }
    bench.settled().await;
    assert_eq!(handler.calls().len(), 9, "the first event and eight that follow from it");
}
