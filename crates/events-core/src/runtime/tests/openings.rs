//! Openings: a lane that waits for work is handed what is routed, and nothing is lost on the way.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Scripted, Seen, event, hooked::Hooked};
use crate::{
    Engine, EngineOptions, EventStore, Pattern, StoreError,
    catalog::Catalog,
    delivery::Pacing,
    ports::{Clock, Delivered, EventHistory, HandlerPolicy},
    routing::Route,
    runtime::{announcer::Announcer, openings::Openings, router::Router, routes::Routes, wake::Wake},
    testkit::{self, MemoryStore, PausedClock},
};

fn everything(handler: &str) -> Route {
    Route::new(handler.into(), "default", [Pattern::All])
}

/// An engine on a store whose calls are noted.
fn noted(handler: &Arc<Scripted>, store: &Arc<MemoryStore>) -> (Engine, Seen<&'static str>) {
    let calls = Seen::default();
    let noting = calls.clone();
    let hooked = Hooked::new(store.clone(), move |method, _| {
        noting.push(method);
        None
    });
    (engine_on(hooked, handler, store), calls)
}

fn engine_on(hooked: Hooked, handler: &Arc<Scripted>, store: &Arc<MemoryStore>) -> Engine {
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let builder = Engine::builder(Arc::new(hooked), store.clone()).options(options);
    builder.handler(handler.clone(), [everything(handler.name.as_str())]).start()
}

fn claims(calls: &Seen<&'static str>) -> usize {
    calls.all().iter().filter(|call| **call == "claim").count()
}

/// Until everybody waits: the clock stands still while somebody works.
async fn everybody_waits() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_waits_is_handed_what_is_routed() {
    let (handler, store) = (Scripted::willing("all"), Arc::new(MemoryStore::new()));
    let (engine, calls) = noted(&handler, &store);
    for number in 1..4 {
        everybody_waits().await;
        let before = claims(&calls);
        engine.publisher().publish(event("a.b")).await.unwrap();
        let [call] = &handler.called(number).await[number - 1..] else { panic!("one call each") };
        assert_eq!((call.0[0].attempt, call.0[0].seq.0), (1, i64::try_from(number).unwrap()));
        assert_eq!(claims(&calls), before, "it was not claimed: {:?}", calls.all());
    }
    everybody_waits().await;
    let depth = store.depth(jiff::Timestamp::MAX).await.unwrap();
    assert_eq!((depth.due, depth.leased), (0, 0), "all three are settled");
}

/// Whoever waits for a delivery does not wait for what the lane asks the store next.
#[tokio::test(start_paused = true)]
async fn what_is_handed_over_begins_before_the_store_is_asked_what_comes_next() {
    let (store, calls) = (Arc::new(MemoryStore::new()), Seen::default());
    let (handled, noting) = (calls.clone(), calls.clone());
    let handler = Scripted::new("all", HandlerPolicy::default(), move |_, _| {
        handled.push("handle");
        Ok(Delivered::default())
    });
    let hooked = Hooked::new(store.clone(), move |method, _| {
        noting.push(method);
        None
    });
    let engine = engine_on(hooked, &handler, &store);
    everybody_waits().await;
    engine.publisher().publish(event("a.b")).await.unwrap();
    everybody_waits().await;
    let calls = calls.all();
    let routed = calls.iter().position(|call| *call == "route").expect("it is routed");
    assert_eq!(calls[routed + 1], "handle", "{calls:?}");
}

/// More than a lane has room for: it is handed what it can take, claims the rest, and does nothing twice.
#[tokio::test(start_paused = true)]
async fn what_a_lane_has_no_room_for_waits_for_its_claims() {
    let policy = HandlerPolicy { concurrency: 2, ..HandlerPolicy::default() };
    let handler = Scripted::new("all", policy, |_, _| Ok(Delivered::default())).closed();
    let store = Arc::new(MemoryStore::new());
    let (engine, calls) = noted(&handler, &store);
    everybody_waits().await;
    let before = claims(&calls);
    engine.publisher().publish_all((0..16).map(|_| event("a.b")).collect()).await.unwrap();
    handler.called(2).await;
    assert_eq!(claims(&calls), before, "it was handed over");
    everybody_waits().await;
    let depth = store.depth(jiff::Timestamp::MAX).await.unwrap();
    assert_eq!((depth.leased, depth.due), (6, 10), "three times what is handled at once");
    handler.open(1_000);
    handler.called(16).await;
    everybody_waits().await;
    let mut seqs: Vec<i64> = handler.calls().iter().map(|call| call.0[0].seq.0).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=16).collect::<Vec<_>>());
}

/// All that is handed over is at stake until its routing is on the disk.
#[tokio::test(start_paused = true)]
async fn many_events_at_once_are_claimed() {
    let (handler, store) = (Scripted::willing("all"), Arc::new(MemoryStore::new()));
    let (engine, calls) = noted(&handler, &store);
    everybody_waits().await;
    let before = claims(&calls);
    engine.publisher().publish_all((0..17).map(|_| event("a.b")).collect()).await.unwrap();
    handler.called(1).await;
    assert_eq!(claims(&calls), before + 1);
    handler.called(17).await;
}

#[tokio::test(start_paused = true)]
async fn a_paced_lane_is_handed_nothing() {
    let pacing = Some(Pacing { interval: Duration::from_secs(1), burst: 1, digest_over: 5, digest_max: 100 });
    let policy = HandlerPolicy { pacing, ..HandlerPolicy::default() };
    let handler = Scripted::new("all", policy, |_, _| Ok(Delivered::default()));
    let (engine, calls) = noted(&handler, &Arc::new(MemoryStore::new()));
    everybody_waits().await;
    let before = claims(&calls);
    engine.publisher().publish(event("a.b")).await.unwrap();
    handler.called(1).await;
    assert_eq!(claims(&calls), before + 1, "its pace is kept by claims");
}

/// It waits without an eye on anything, and what it was handed would wait with it, leased to nobody's use.
#[tokio::test(start_paused = true)]
async fn a_lane_that_could_not_claim_is_handed_nothing() {
    let (handler, store) = (Scripted::willing("all"), Arc::new(MemoryStore::new()));
    let refusing = |method, _| (method == "claim").then(|| StoreError::Unavailable("on purpose".into()));
    let engine = engine_on(Hooked::new(store.clone(), refusing), &handler, &store);
    everybody_waits().await;
    engine.publisher().publish(event("a.b")).await.unwrap();
    everybody_waits().await;
    let depth = store.depth(jiff::Timestamp::MAX).await.unwrap();
    assert_eq!((depth.unrouted, depth.leased, depth.due), (0, 0, 1));
}

/// A lane may stop between its offer and what it led to: others get it at once, and no attempt is used up.
#[tokio::test(start_paused = true)]
async fn what_a_lane_that_stopped_was_handed_goes_back() {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(PausedClock::new()));
    let openings = Openings::new(["all".into()]);
    let opening = openings.of(&"all".into());
    assert_eq!(opening.end(), []);
    opening.open(testkit::claim("all").at(clock.now()).build());
    let (wake, stop) = (Wake::new([]), CancellationToken::new());
    let announcer = Announcer::start(wake.clone(), None, stop, &TaskTracker::new());
    let routes = Arc::new(Routes::new(Arc::new(Catalog::embedded()), vec![everything("all")], None));
    let router = Router::new(store.clone(), routes, clock.clone(), wake, announcer, openings);
    store.append(vec![testkit::event("a.b").build()]).await.unwrap();
    assert_eq!(router.route_batch().await.unwrap(), 1);
    let next = store.claim(testkit::claim("all").at(clock.now()).build()).await.unwrap();
    assert_eq!(next.iter().map(|next| next.attempt).collect::<Vec<_>>(), [1], "{next:?}");
    assert!(next[0].lease.0 > 1, "it was leased before");
}
