//! Emitting: never fails, never blocks, loses nothing it could keep.

use std::{sync::Arc, time::Duration};

use super::{Bench, event, hooked::Hooked};
use crate::{
    EmitCounts, Emitter, Engine, EngineOptions, NewEvent, StoreError, emit,
    ports::{EventHistory, TimelineQuery},
    testkit::MemoryStore,
};

fn engine(store: &Arc<Hooked>, emit_buffer: usize) -> Engine {
    let options = EngineOptions { emit_buffer, ..EngineOptions::default() };
    Engine::builder(store.clone(), Arc::new(MemoryStore::new())).options(options).start()
}

/// Type and payload of every appended event, append by append.
fn appended(store: &Hooked) -> Vec<Vec<String>> {
    let shown = |event: &Arc<crate::Event>| format!("{} {}", event.event_type, event.payload.as_str());
    store.appended.all().iter().map(|events| events.iter().map(shown).collect()).collect()
}

/// R061 `test_emit_enqueues_event`, R055, R195: the store gets the event, once, with type and payload.
#[tokio::test(start_paused = true)]
async fn r061_emitting_stores_the_event() {
    let store = Arc::new(Hooked::new(Arc::new(MemoryStore::new()), |_, _| None));
    let engine = engine(&store, 16);
    engine.emitter().emit(event("user.signup"));
    engine.emitter().flush().await;
    assert_eq!(appended(&store), [[r#"user.signup {"email":"alice@example.com"}"#]]);
    assert_eq!(engine.emitter().counts(), EmitCounts { published: 1, refused: 0, dropped: 0 });
}

/// R062 `test_emit_does_nothing_when_disabled`, R053, R100, R297
#[tokio::test]
async fn r062_a_disabled_emitter_does_nothing() {
    let emitter = Emitter::disabled();
    emitter.emit(event("user.signup"));
    emitter.flush().await;
    assert!(!emitter.is_enabled());
    assert_eq!(emitter.counts(), EmitCounts::default());
    emit(event("user.signup")); // R059: nothing is installed, nothing is connected, nothing happens
}

/// R063 `test_emit_never_raises`, R056, R057, R283, C4, C5: the store fails and comes back.
#[tokio::test(start_paused = true)]
async fn r063_a_failing_store_is_the_emitters_problem_only() {
    let failures = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let store = Arc::new(Hooked::new(Arc::new(MemoryStore::new()), move |method, _| {
        let failing = method == "append" && failures.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
        failing.then(|| StoreError::Unavailable("away".into()))
    }));
    let engine = engine(&store, 16);
    engine.emitter().emit(event("user.signup"));
    engine.emitter().flush().await;
    assert_eq!(appended(&store).len(), 4, "it was tried until the store was back");
    assert_eq!(engine.emitter().counts().published, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_drops_counts_and_never_blocks() {
    let store = Arc::new(Hooked::closed());
    let engine = engine(&store, 10);
    let emitter = engine.emitter();
    emitter.emit(event("a.b"));
    tokio::time::sleep(Duration::from_millis(1)).await; // paused time: the first is with the store now
    for _ in 0..100 {
        emitter.emit(event("a.b"));
    }
    assert_eq!(emitter.counts().dropped, 90, "nothing was awaited between the calls");
    store.gate.add_permits(10);
    emitter.flush().await;
    assert_eq!(emitter.counts().published, 11);
    assert_eq!(appended(&store).iter().map(Vec::len).collect::<Vec<_>>(), [1, 10], "in batches");
}

#[tokio::test(start_paused = true)]
async fn a_bad_event_is_counted_and_stops_no_neighbour() {
    let bench = Bench::start(&[]);
    let emitter = bench.engine.emitter();
    emitter.emit(NewEvent::new(crate::types::USER_SIGNUP, "not an object"));
    emitter.emit(event("user.signup"));
    emitter.flush().await;
    assert_eq!(emitter.counts(), EmitCounts { published: 1, refused: 1, dropped: 0 });
}

#[tokio::test(start_paused = true)]
async fn shutting_down_publishes_what_was_emitted() {
    let bench = Bench::start(&[]);
    for _ in 0..700 {
        bench.engine.emitter().emit(event("a.b"));
    }
    bench.engine.shut_down(Duration::from_secs(20)).await;
    assert_eq!(bench.engine.emitter().counts().published, 700);
    assert_eq!(bench.store.scan(crate::Seq::START, 1_000).await.unwrap().len(), 700);
    bench.engine.emitter().emit(event("a.b"));
    assert_eq!(bench.engine.emitter().counts().dropped, 1, "after the end an event is dropped, and nobody fails");
}

#[tokio::test(start_paused = true)]
async fn an_event_happened_when_it_was_emitted() {
    let bench = Bench::start(&[]);
    bench.engine.emitter().emit(event("a.b"));
    tokio::time::advance(Duration::from_secs(60)).await;
    bench.engine.emitter().flush().await;
    let stored = bench.store.timeline(TimelineQuery::default()).await.unwrap().items.remove(0);
    assert_eq!(stored.event.occurred_at.to_string(), "2026-01-01T00:00:00Z");
}
