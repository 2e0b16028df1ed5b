//! Working: a backlog, publishing and working together, and both on a full store.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use events_core::ports::EventHistory;
use events_sqlite::SqliteStore;

use crate::{
    engine::{Counter, events, store, with_counter, without_handlers},
    raw::Raw,
    report::{Figure, Report, Target},
};

const BACKLOG: usize = 50_000;
const ROUNDS: usize = 3;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let (mut backlog, mut together, mut raw_rate) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir_in(".")?;
        raw_rate.push(Raw::open(folder.path()).await?.rate().await?);
        backlog.push(work_off(folder.path()).await?);
        let folder = tempfile::tempdir_in(".")?;
        let store = store(folder.path()).await?;
        together.push(publish_and_process(&store).await?);
        store.close().await;
    }
    let raw_rate = Figure::of(raw_rate);
    report.ratio("backlog of 50,000, no-op handler", "/s", Figure::of(backlog), raw_rate, Target::AtLeast(0.15));
    report.ratio("publish and process together", "/s", Figure::of(together), raw_rate, Target::AtLeast(0.08));
    Ok(())
}

/// Deliveries a second from a backlog: routed before a worker starts, then worked off and settled.
async fn work_off(folder: &Path) -> anyhow::Result<f64> {
    let store = store(folder).await?;
    fill_with_deliveries(&store).await?;
    let counter = Arc::new(Counter::default());
    let started = Instant::now();
    let engine = with_counter(&store, &counter);
    counter.reached(BACKLOG).await;
    drained(&store).await?;
    let rate = per_second(BACKLOG, started);
    engine.shut_down(Duration::from_secs(10)).await;
    store.close().await;
    Ok(rate)
}

/// Publishes and routes the backlog with a handler that is not there.
async fn fill_with_deliveries(store: &Arc<SqliteStore>) -> anyhow::Result<()> {
    use events_core::{EventStore, routing};
    let engine = without_handlers(store);
    engine.shut_down(Duration::from_secs(1)).await; // publishing goes on; routing does not
    let publisher = engine.publisher();
    for call in 0..BACKLOG / 500 {
        publisher.publish_all(events(call * 500, 500)).await?;
    }
    let route = routing::Route::new("noop".into(), "default", [events_core::Pattern::All]);
    let table = routing::RoutingTable::new(Arc::new(events_core::Catalog::embedded()), vec![route]);
    let now = events_core::ports::SystemClock;
    loop {
        let unrouted = store.unrouted(500).await?.events;
        if unrouted.is_empty() {
            return Ok(());
        }
        let now = events_core::Clock::now(&now);
        let routed = unrouted.iter().map(|stored| routing::plan(&table, &stored.event, now).into_routed(stored.seq));
        store.route(routed.collect(), now).await?;
    }
}

/// Events a second from the first publish to the last settlement.
async fn publish_and_process(store: &Arc<SqliteStore>) -> anyhow::Result<f64> {
    let counter = Arc::new(Counter::default());
    let engine = with_counter(store, &counter);
    let started = Instant::now();
    let publisher = engine.publisher();
    for call in 0..BACKLOG / 500 {
        publisher.publish_all(events(call * 500, 500)).await?;
    }
    counter.reached(BACKLOG).await;
    drained(store).await?;
    let rate = per_second(BACKLOG, started);
    engine.shut_down(Duration::from_secs(10)).await;
    Ok(rate)
}

/// Waits until every delivery is settled.
async fn drained(store: &SqliteStore) -> anyhow::Result<()> {
    loop {
        let depth = store.depth(events_core::Clock::now(&events_core::ports::SystemClock)).await?;
        if depth.unprocessed == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The same with a million events stored, beside what an empty store does in the same run.
pub(crate) async fn with_a_million(report: &mut Report) -> anyhow::Result<()> {
    const STORED: usize = 1_000_000;
    let full_folder = tempfile::tempdir_in(".")?;
    let full = store(full_folder.path()).await?;
    let engine = without_handlers(&full);
    let publisher = engine.publisher();
    for call in 0..STORED / 2_000 {
        publisher.publish_all(events(call * 2_000, 2_000)).await?;
    }
    drained(&full).await?;
    engine.shut_down(Duration::from_secs(10)).await;
    let (mut with_million, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir_in(".")?;
        let fresh = store(folder.path()).await?;
        empty.push(publish_and_process(&fresh).await?);
        fresh.close().await;
        with_million.push(publish_and_process(&full).await?);
    }
    full.close().await;
    report.ratio(
        "publish and process, 1,000,000 stored / empty",
        "/s",
        Figure::of(with_million),
        Figure::of(empty),
        Target::AtLeast(0.8),
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
