//! Stopping and failing: nothing is lost, nothing is done twice that need not be.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Bench, Scripted, event, hooked::Hooked};
use crate::{
    Engine, EngineOptions, EventStore, NewEvent, Pattern, StoreError,
    delivery::{DeliveryState, RetryPolicy},
    ports::{Clock, Delivered, EventHistory, HandlerPolicy, NewDelivery, RoutedEvent},
    routing::Route,
    testkit::{self, MemoryStore, PausedClock},
};

fn narrow() -> HandlerPolicy {
    HandlerPolicy { concurrency: 4, ..HandlerPolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn stopping_finishes_what_is_under_way_and_hands_back_the_rest() {
    let handler = Scripted::new("slow", narrow(), |_, _| Ok(Delivered::default())).closed();
    let bench = Bench::start(std::slice::from_ref(&handler));
    bench.engine.publisher().publish_all((0..20).map(|_| event("a.b")).collect()).await.unwrap();
    handler.called(4).await;
    assert_eq!(bench.store.depth(Timestamp::MAX).await.unwrap().leased, 12, "the next are at hand");

    let stopping = async {
        tokio::task::yield_now().await;
        handler.open(100);
    };
    tokio::join!(bench.engine.shut_down(Duration::from_secs(20)), stopping);
    let depth = bench.store.depth(Timestamp::MAX).await.unwrap();
    assert_eq!((depth.leased, depth.due), (0, 16));
    let fresh = bench.deliveries().await.iter().filter(|delivery| delivery.attempts == 0).count();
    assert_eq!(fresh, 16, "a delivery that was handed back has not used up an attempt");
    assert_eq!(handler.calls().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_outlasts_the_grace_is_left_to_its_lease_and_run_again() {
    let stuck = Scripted::new("same", narrow(), |_, _| Ok(Delivered::default())).closed();
    let bench = Bench::start(std::slice::from_ref(&stuck));
    bench.publish(event("a.b")).await;
    stuck.called(1).await;
    let before = tokio::time::Instant::now();
    bench.engine.shut_down(Duration::from_secs(5)).await;
    assert_eq!(before.elapsed().as_secs(), 5, "stopping takes no longer than its grace");

    let next = Scripted::willing("same");
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let clock = options.clock.clone();
    let builder = Engine::builder(bench.store.clone(), bench.store.clone()).options(options);
    let _engine = builder.handler(next.clone(), [Route::new("same".into(), "default", [Pattern::All])]).start();
    let started = clock.now();
    next.called(1).await;
    let waited = clock.now().duration_since(started).as_secs();
    // The lease is the timeout of 15 s and 15 s of grace; the rescue looks every 5 s.
    assert!((20..=36).contains(&waited), "re-run after {waited} s");
    bench.settled().await;
    assert_eq!(bench.deliveries().await[0].state, DeliveryState::Succeeded);
}

/// A delivery that takes its process down each time is not tried for ever.
#[tokio::test(start_paused = true)]
async fn a_delivery_that_no_worker_survives_ends_in_the_dead_letters() {
    let retry = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    let policy = HandlerPolicy { retry, ..HandlerPolicy::default() };
    let handler = Scripted::new("all", policy, |_, _| Ok(Delivered::default()));
    let store = Arc::new(MemoryStore::new());
    let clock: Arc<dyn Clock> = Arc::new(PausedClock::new());
    let ready = NewDelivery { due_at: clock.now(), ..testkit::delivery("all", "default") };
    store.append(vec![testkit::event("a.b").build()]).await.unwrap();
    let routed = RoutedEvent { seq: crate::Seq(1), deliveries: vec![ready], cancellations: vec![] };
    store.route(vec![routed], clock.now()).await.unwrap();
    for _ in 0..3 {
        store.claim(testkit::claim("all").at(clock.now()).build()).await.unwrap();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(store.release_expired(clock.now(), 10).await.unwrap(), 1);
    }
    let options = EngineOptions { clock, ..EngineOptions::default() };
    let builder = Engine::builder(store.clone(), store.clone()).options(options);
    let bench = Bench { engine: builder.handler(handler.clone(), []).start(), store };
    bench.settled().await;
    assert!(handler.calls().is_empty());
    let delivery = bench.deliveries().await.remove(0);
    assert_eq!(delivery.state, DeliveryState::Dead);
    let reason = delivery.last_error.unwrap();
    assert_eq!(reason, "given up after 3 attempts, the last of which no worker survived");
}

/// A store that fails now and then fails nobody for good.
#[tokio::test(start_paused = true)]
async fn a_store_that_comes_and_goes_loses_nothing() {
    let handler = Scripted::willing("all");
    let store = Arc::new(MemoryStore::new());
    let flaky = Arc::new(Hooked::new(store.clone(), |_, call| {
        (call % 3 == 0).then(|| StoreError::Unavailable("on purpose".into()))
    }));
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let builder = Engine::builder(flaky.clone(), store.clone()).options(options);
    let engine = builder.handler(handler.clone(), [Route::new("all".into(), "default", [Pattern::All])]).start();
    for _ in 0..200 {
        engine.emitter().emit(event("a.b"));
    }
    engine.emitter().flush().await;
    handler.called(200).await;
    loop {
        let depth = store.depth(Timestamp::MAX).await.unwrap();
        if depth.due + depth.leased + depth.unrouted == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(flaky.failures() >= 3, "the store failed {} times", flaky.failures());
    assert_eq!(store.scan(crate::Seq::START, 1_000).await.unwrap().len(), 200);
}

/// An event that somebody stored without the publisher is found by the poll.
#[tokio::test(start_paused = true)]
async fn an_event_stored_by_other_means_is_routed() {
    let handler = Scripted::willing("all");
    let bench = Bench::start(std::slice::from_ref(&handler));
    let options = EngineOptions::default();
    let new = NewEvent::new(crate::types::USER_SIGNUP, serde_json::json!({}));
    let stored = new.into_event(&options.origin, &options.limits, &*options.ids, &*options.clock).unwrap();
    bench.store.append(vec![Arc::new(stored)]).await.unwrap();
    handler.called(1).await;
}
