//! Statistics are counted while the engine runs, by one of its processes.

use std::{sync::Arc, time::Duration};

use super::{Bench, Scripted, event};
use crate::{
    Engine, EngineOptions,
    delivery::{HandlerName, Target},
    event::Pattern,
    ports::{Clock, CountingStep, Position, Statistics, StatisticsOf, StatisticsQuery},
    routing::Route,
    statistics::{Counts, Day, Tally, read},
    testkit::{MemoryStore, PausedClock},
};

fn start(store: &Arc<MemoryStore>, handler: &Arc<Scripted>, worker: &str) -> Bench {
    let clock = Arc::new(PausedClock::new());
    let options = EngineOptions { clock, worker: worker.to_owned(), ..EngineOptions::default() };
    let route = Route::new(name(), Target::from("a"), [Pattern::All]);
    let builder = Engine::builder(store.clone(), store.clone()).options(options).leadership(store.clone());
    let engine = builder.statistics(store.clone(), [name()]).handler(handler.clone(), [route]).start();
    Bench { engine, store: store.clone() }
}

fn name() -> HandlerName {
    "slack".into()
}

fn asks() -> StatisticsQuery {
    StatisticsQuery { handler: name(), of: StatisticsOf::All, since: Day::of(PausedClock::new().now()).minus(10) }
}

/// What has been counted, without what a reader would add.
async fn counted(store: &MemoryStore) -> (u64, u64) {
    let counted = store.counted(&asks()).await.unwrap();
    let mut sum = Tally::default();
    counted.attempts.iter().for_each(|(_, _, tally)| sum.merge(tally));
    (counted.events.iter().map(|(_, count)| count).sum(), sum.succeeded)
}

/// More than the time between two looks, and than a term.
async fn some_time() {
    tokio::time::sleep(Duration::from_secs(20)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_published_and_sent_is_counted_within_moments() {
    let store = Arc::new(MemoryStore::new());
    let bench = start(&store, &Scripted::willing("slack"), "one");
    for _ in 0..3 {
        bench.publish(event("user.signup")).await;
    }
    bench.settled().await;
    let report = read(&*store, &asks()).await.unwrap();
    assert_eq!(report.total(None).succeeded, 3, "a reader does not wait for that");
    some_time().await;
    assert_eq!(counted(&store).await, (3, 3));
    bench.publish(event("user.login")).await;
    some_time().await;
    assert_eq!(counted(&store).await, (4, 4));
}

/// Another process goes on where the first one ended, and nothing is counted twice.
#[tokio::test(start_paused = true)]
async fn one_process_counts_and_another_takes_over() {
    let store = Arc::new(MemoryStore::new());
    let handler = Scripted::willing("slack");
    let (one, other) = (start(&store, &handler, "one"), start(&store, &handler, "other"));
    one.publish(event("user.signup")).await;
    some_time().await;
    assert_eq!(counted(&store).await, (1, 1));
    one.engine.shut_down(Duration::from_secs(1)).await;
    other.publish(event("user.signup")).await;
    some_time().await;
    assert_eq!(counted(&store).await, (2, 2));
}

/// A process that only publishes counts nothing.
#[tokio::test(start_paused = true)]
async fn a_publisher_leaves_counting_to_others() {
    let store = Arc::new(MemoryStore::new());
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let builder = Engine::builder(store.clone(), store.clone()).options(options).statistics(store.clone(), [name()]);
    let bench = Bench { engine: builder.publishing_only().start(), store: store.clone() };
    bench.publish(event("user.signup")).await;
    some_time().await;
    assert_eq!(counted(&store).await, (0, 0));
    assert_eq!(read(&*store, &asks()).await.unwrap().events.len(), 1);
}

/// Counts are kept for 90 days.
#[tokio::test(start_paused = true)]
async fn counts_are_forgotten_when_they_are_old() {
    let store = Arc::new(MemoryStore::new());
    let today = Day::of(PausedClock::new().now());
    let events = [today, today.minus(90), today.minus(91)].map(|day| ((None, day), 1)).into();
    let (from, counts) = (Position::default(), Counts { events, ..Counts::default() });
    assert!(store.count(CountingStep { from, to: from, counts }).await.unwrap());
    let bench = start(&store, &Scripted::willing("slack"), "one");
    bench.publish(event("user.signup")).await;
    some_time().await;
    let since = today.minus(100);
    let kept = store.counted(&StatisticsQuery { since, ..asks() }).await.unwrap();
    assert_eq!(kept.events, [(today.minus(90), 1), (today, 2)]);
}
