//! Publishing: durable, in groups, idempotent, and honest about failures.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use jiff::Timestamp;
use serde_json::json;

use super::{Bench, event, hooked::Hooked};
use crate::{
    Engine, EngineOptions, EventId, EventType, NewEvent, PublishError, StoreError,
    ports::{EventHistory, TimelineQuery},
    testkit::MemoryStore,
};

/// An alias, as the source document's test publishes it.
const SIGNED_UP: EventType = EventType::from_static("user.signed_up");

/// R228, R195–R198: the publisher fills in what the application leaves out and returns the event.
#[tokio::test(start_paused = true)]
async fn r195_publishing_returns_the_full_event() {
    let bench = Bench::start(&[]);
    let mut new = NewEvent::new(SIGNED_UP, json!({ "email": "test@example.com" })).version("1.0.0");
    new.metadata_mut().source = "test".to_owned();
    let published = bench.publish(new).await;
    assert_eq!(published.event.event_type, SIGNED_UP);
    assert_eq!(published.event.event_id.as_uuid().get_version_num(), 7);
    assert_eq!(published.event.event_version, "1.0.0");
    assert_eq!(published.event.occurred_at, published.event.created_at);
    assert_eq!(
        (published.event.metadata.source.as_str(), published.event.metadata.environment.as_str()),
        ("test", "development")
    );
    let stored = bench.store.event(published.event.event_id, None).await.unwrap().unwrap();
    assert_eq!((stored.retry_count, &stored.event), (0, &*published.event));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_publishes_once_and_other_content_is_a_conflict() {
    let bench = Bench::start(&[]);
    let first = bench.publish(event("user.signup").idempotency_key("k")).await;
    let again = bench.publish(event("user.signup").idempotency_key("k")).await;
    assert_eq!((again.event.event_id, again.duplicate), (first.event.event_id, true));
    let elsewhere = bench.publish(event("user.signup").idempotency_key("k").organization("other")).await;
    assert!(!elsewhere.duplicate, "keys belong to an organization");
    let other = bench.engine.publisher().publish(event("import.failed").idempotency_key("k")).await;
    assert!(
        matches!(other, Err(PublishError::Conflict { existing, by_key: true }) if existing == first.event.event_id)
    );
}

#[tokio::test(start_paused = true)]
async fn one_refused_event_refuses_the_call_and_names_its_place() {
    let bench = Bench::start(&[]);
    let bad = NewEvent::new(SIGNED_UP, json!([1]));
    let refused = bench.engine.publisher().publish_all(vec![event("a.b"), event("a.c"), bad]).await.unwrap_err();
    assert!(refused.to_string().contains("[2].payload must be a JSON object"), "{refused}");
    assert!(bench.store.timeline(TimelineQuery::default()).await.unwrap().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn limits_are_checked_before_anything_is_batched() {
    let bench = Bench::start(&[]);
    let refused = async |event: NewEvent| bench.engine.publisher().publish(event).await.unwrap_err().to_string();
    assert!(
        refused(NewEvent::new(SIGNED_UP, json!({ "x": "y".repeat(300 * 1024) }))).await.contains("the limit is 262144")
    );
    assert!(refused(NewEvent::new(SIGNED_UP, json!({ "x": "a\0b" }))).await.contains("\\u0000"));
    let deep = (0..80).fold(json!(1), |inner, _| json!({ "x": inner }));
    assert!(refused(NewEvent::new(SIGNED_UP, deep)).await.contains("deeper than 64"));
    assert!(refused(event("a.b").organization("")).await.contains("organization_id is empty"));
    assert!(refused(event("a.b").version("1.0")).await.contains("event_version must look like 1.0.0"));
    assert!(refused(event("a.b").actor("x".repeat(300), "user")).await.contains("actor is 300 bytes"));
}

/// An engine whose appends wait at a gate, and how many events each append had.
fn gated() -> (Engine, Arc<Hooked>) {
    let store = Arc::new(Hooked::closed());
    (Engine::builder(store.clone(), Arc::new(MemoryStore::new())).start(), store)
}

fn sizes(store: &Hooked) -> Vec<usize> {
    store.appended.all().iter().map(Vec::len).collect()
}

#[tokio::test(start_paused = true)]
async fn callers_that_wait_share_the_next_commit() {
    let (engine, store) = gated();
    let publisher = engine.publisher();
    let first = tokio::spawn(async move { publisher.publish(event("a.b")).await });
    tokio::time::sleep(std::time::Duration::from_millis(1)).await; // paused time: the first is with the store now
    let callers: Vec<_> = (0..99)
        .map(|_| {
            let publisher = engine.publisher();
            tokio::spawn(async move { publisher.publish(event("a.b")).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await; // paused time: everybody has asked
    store.gate.add_permits(2);
    for caller in std::iter::once(first).chain(callers) {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(sizes(&store), [1, 99]);
}

/// An engine whose store takes so many appends at once, each of which waits at a gate.
fn gated_for(commits_at_once: usize) -> (Engine, Arc<Hooked>) {
    let store = Arc::new(Hooked::closed());
    let options = EngineOptions { commits_at_once, ..EngineOptions::default() };
    (Engine::builder(store.clone(), Arc::new(MemoryStore::new())).options(options).start(), store)
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_takes_long_is_passed_by_the_next() {
    let (engine, store) = gated_for(3);
    let mut callers = Vec::new();
    for _ in 0..50 {
        let publisher = engine.publisher();
        callers.push(tokio::spawn(async move { publisher.publish(event("a.b")).await }));
        tokio::time::sleep(std::time::Duration::from_millis(1)).await; // paused time: it has asked
    }
    assert_eq!(sizes(&store), [1, 10, 10], "ten milliseconds each, and never more than three at once");
    store.gate.add_permits(4);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(sizes(&store), [1, 10, 10, 29]);
}

#[tokio::test(start_paused = true)]
async fn a_full_batch_does_not_wait_for_the_one_before() {
    let (engine, store) = gated_for(2);
    for _ in 0..3 {
        let publisher = engine.publisher();
        tokio::spawn(async move { publisher.publish_all((0..500).map(|_| event("a.b")).collect()).await });
    }
    tokio::time::sleep(std::time::Duration::from_millis(1)).await; // paused time: nobody's patience has ended
    assert_eq!(sizes(&store), [500, 500]);
}

/// Those who were answered have something else to do first, some more than others, and share the next commit again.
#[tokio::test(start_paused = true)]
async fn callers_that_come_back_go_on_sharing() {
    for commits_at_once in [1, 2] {
        let (engine, store) = gated_for(commits_at_once);
        for caller in 0..8 {
            let publisher = engine.publisher();
            tokio::spawn(async move {
                loop {
                    publisher.publish(event("a.b")).await.unwrap();
                    for _ in 0..caller {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        for _ in 0..5 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await; // paused time: all have asked
            store.gate.add_permits(1);
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let sizes = sizes(&store);
        assert_eq!(sizes[3..], [8, 8, 8], "{sizes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_fails_its_commit_and_no_other() {
    let panicked = AtomicBool::new(false);
    let store = Hooked::new(Arc::new(MemoryStore::new()), move |method, _| {
        assert!(method != "append" || panicked.swap(true, Relaxed), "broken on purpose");
        None
    });
    let engine = Engine::builder(Arc::new(store), Arc::new(MemoryStore::new())).start();
    let error = engine.publisher().publish(event("a.b")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unknown(_)), "{error}");
    engine.publisher().publish(event("a.b")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_is_never_split_and_a_commit_is_bounded() {
    let (engine, store) = gated();
    let callers: Vec<_> = [300_usize, 300, 300, 2_000]
        .into_iter()
        .map(|count| {
            let publisher = engine.publisher();
            tokio::spawn(async move { publisher.publish_all((0..count).map(|_| event("a.b")).collect()).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    store.gate.add_permits(10);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(sizes(&store), [600, 2_300], "a commit takes whole calls until it holds 500 events");
}

#[tokio::test(start_paused = true)]
async fn a_failure_says_whether_it_may_have_happened() {
    for (failure, unknown) in [
        (StoreError::Unavailable("x".into()), false),
        (StoreError::Full("x".into()), false),
        (StoreError::Unknown("x".into()), true),
    ] {
        let store =
            Hooked::new(Arc::new(MemoryStore::new()), move |method, _| (method == "append").then(|| failure.clone()));
        let engine = Engine::builder(Arc::new(store), Arc::new(MemoryStore::new())).start();
        let error = engine.publisher().publish(event("a.b")).await.unwrap_err();
        assert_eq!(matches!(error, PublishError::Unknown(_)), unknown, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_on_a_call_leaves_a_whole_event_or_none() {
    let bench = Bench::start(&[]);
    let id = EventId::from_uuid(uuid::Uuid::now_v7());
    let publisher = bench.engine.publisher();
    let mut call = Box::pin(publisher.publish(event("a.b").id(id)));
    assert!(futures_util::poll!(&mut call).is_pending());
    drop(call);
    let again = bench.publish(event("a.b").id(id)).await;
    assert!(again.duplicate, "the first call was on its way");
    assert_eq!(bench.store.timeline(TimelineQuery::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_keeps_the_time_it_happened() {
    let bench = Bench::start(&[]);
    let happened: Timestamp = "2020-02-29T12:00:00.123456789Z".parse().unwrap();
    let published = bench.publish(event("a.b").occurred_at(happened)).await;
    assert_eq!(published.event.occurred_at.to_string(), "2020-02-29T12:00:00.123456Z", "to the microsecond");
}
