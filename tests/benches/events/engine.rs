//! An engine on a fresh SQLite file with a handler that does nothing but count.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use async_trait::async_trait;
use events_core::{
    Engine, Event, EventHandler, HandlerError, HandlerName, Limits, Metadata, NewEvent, Pattern,
    delivery::Delivery,
    ports::{Delivered, HandlerPolicy, RandomIds, SystemClock},
    routing::Route,
    types,
};
use events_sqlite::SqliteStore;
use serde_json::json;
use tokio::sync::{Notify, mpsc};

/// Counts what it is given; tells when a number is reached, and the time of each call.
#[derive(Default)]
pub(crate) struct Counter {
    handled: AtomicUsize,
    progress: Notify,
    times: Option<mpsc::UnboundedSender<std::time::Instant>>,
}

impl Counter {
    pub(crate) fn with_times(times: mpsc::UnboundedSender<std::time::Instant>) -> Self {
        Self { times: Some(times), ..Self::default() }
    }

    /// Waits until this many deliveries were handled since the start.
    pub(crate) async fn reached(&self, count: usize) {
        while self.handled.load(SeqCst) < count {
            self.progress.notified().await;
        }
    }
}

#[async_trait]
impl EventHandler for Counter {
    fn name(&self) -> HandlerName {
        "noop".into()
    }

    fn policy(&self) -> HandlerPolicy {
        HandlerPolicy { concurrency: 256, ..HandlerPolicy::default() }
    }

    async fn handle(&self, _delivery: &Delivery) -> Result<Delivered, HandlerError> {
        if let Some(times) = &self.times {
            let _ = times.send(std::time::Instant::now());
        }
        if self.handled.fetch_add(1, SeqCst) % 16 == 15 || self.times.is_some() {
            self.progress.notify_one();
        }
        Ok(Delivered::status(200))
    }
}

pub(crate) async fn store(folder: &Path) -> anyhow::Result<Arc<SqliteStore>> {
    Ok(Arc::new(SqliteStore::open(folder.join("events.db")).await?))
}

/// An engine without handlers: publishing alone.
pub(crate) fn without_handlers(store: &Arc<SqliteStore>) -> Engine {
    Engine::builder(store.clone(), store.clone()).start()
}

/// An engine whose handler gets every event.
pub(crate) fn with_counter(store: &Arc<SqliteStore>, counter: &Arc<Counter>) -> Engine {
    let builder = Engine::builder(store.clone(), store.clone());
    builder.handler(counter.clone(), [Route::new("noop".into(), "default", [Pattern::All])]).start()
}

/// The `number`th event: actors and organizations differ as in an application of some size.
pub(crate) fn event(number: usize) -> NewEvent {
    let payload = json!({ "email": "alice@example.com", "importer_name": "Customers", "row_count": 1250 });
    NewEvent::new(types::IMPORT_COMPLETED, payload)
        .actor(format!("user_{}", number % 9_973), "user")
        .organization(format!("org_{}", number % 499))
}

pub(crate) fn events(from: usize, count: usize) -> Vec<NewEvent> {
    (from..from + count).map(event).collect()
}

/// The `number`th event as it is stored.
pub(crate) fn complete(number: usize) -> Event {
    let origin = Metadata { source: "bench".into(), environment: "production".into(), ..Metadata::default() };
    let stored = event(number).into_event(&origin, &Limits::default(), &RandomIds, &SystemClock);
    stored.expect("events of the benchmarks are in order")
}
