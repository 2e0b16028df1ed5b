//! The emitter: one line in an application that never blocks and never fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    pause::Backoff,
    publisher::{PublishError, Publisher},
};
use crate::{
    event::{Event, NewEvent},
    ports::{Appended, StoreError},
};

/// Events that one commit takes from the buffer at most.
const BATCH: usize = 500;

/// Emits events: returns at once, never fails, never panics (R055–R057, R111).
///
/// Events wait in a bounded buffer for a background task that publishes them in batches and
/// tries again while the store is away. What cannot be kept is counted and warned about, and
/// never becomes the application's problem. Without a store an emitter is disabled and emitting
/// does nothing (R053). Cloning is cheap.
///
/// What is still in the buffer when the process is killed is lost; use
/// [`Publisher::publish`] where that must not happen.
#[derive(Clone, Default)]
pub struct Emitter(Option<Arc<Inner>>);

struct Inner {
    buffer: mpsc::Sender<Item>,
    publisher: Publisher,
    counts: Arc<Counters>,
}

enum Item {
    Event(Box<NewEvent>),
    Flush(oneshot::Sender<()>),
}

#[derive(Default)]
struct Counters {
    published: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// What became of emitted events so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmitCounts {
    /// Durable now.
    pub published: u64,
    /// At fault themselves: invalid, or in conflict with another event.
    pub refused: u64,
    /// Lost because the buffer was full or the process ended first.
    pub dropped: u64,
}

impl Emitter {
    /// An emitter that does nothing; what an application without configuration has.
    #[must_use]
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// Starts publishing in the background, from a buffer of this many events, until `stop`.
    pub(crate) fn start(publisher: Publisher, buffer: usize, stop: CancellationToken, tasks: &TaskTracker) -> Self {
        let (sender, receiver) = mpsc::channel(buffer.max(1));
        let counts = Arc::new(Counters::default());
        tasks.spawn(drain(receiver, publisher.clone(), counts.clone(), stop));
        Self(Some(Arc::new(Inner { buffer: sender, publisher, counts })))
    }

    /// Whether emitting does anything.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Says what happened. Returns at once, whatever the state of the world.
    pub fn emit(&self, event: NewEvent) {
        let Some(inner) = &self.0 else { return };
        let event = event.occurred_at_or(inner.publisher.now());
        if let Err(error) = inner.buffer.try_send(Item::Event(Box::new(event))) {
            let (reason, item) = match error {
                mpsc::error::TrySendError::Full(item) => ("the buffer is full", item),
                mpsc::error::TrySendError::Closed(item) => ("the engine has shut down", item),
            };
            // One line for the first lost event and for each power of two after it.
            let dropped = inner.counts.dropped.fetch_add(1, Relaxed) + 1;
            if let (Item::Event(event), true) = (item, dropped.is_power_of_two()) {
                tracing::warn!(dropped, "Failed to enqueue event {}: {reason}", event.event_type());
            }
        }
    }

    /// Waits until everything emitted before is published or given up.
    pub async fn flush(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, flushed) = oneshot::channel();
        if inner.buffer.send(Item::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// What became of emitted events so far.
    #[must_use]
    pub fn counts(&self) -> EmitCounts {
        self.0.as_ref().map_or_else(EmitCounts::default, |inner| EmitCounts {
            published: inner.counts.published.load(Relaxed),
            refused: inner.counts.refused.load(Relaxed),
            dropped: inner.counts.dropped.load(Relaxed),
        })
    }
}

/// Publishes what is in the buffer, batch by batch. After `stop`, what is there is tried once.
async fn drain(mut buffer: mpsc::Receiver<Item>, publisher: Publisher, counts: Arc<Counters>, stop: CancellationToken) {
    let mut items = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            biased;
            received = buffer.recv_many(&mut items, BATCH) => received,
            () = stop.cancelled() => { buffer.close(); continue }
        };
        if received == 0 {
            return;
        }
        let (mut events, mut flushes) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items.drain(..) {
            match item {
                Item::Event(event) => events.extend(complete(&publisher, *event, &counts)),
                Item::Flush(done) => flushes.push(done),
            }
        }
        publish(&publisher, events, &counts, &stop).await;
        for done in flushes {
            let _ = done.send(());
        }
    }
}

fn complete(publisher: &Publisher, event: NewEvent, counts: &Counters) -> Option<Arc<Event>> {
    let event_type = event.event_type().clone();
    match publisher.prepare(event) {
        Ok(event) => Some(Arc::new(event)),
        Err(invalid) => {
            counts.refused.fetch_add(1, Relaxed);
            tracing::warn!("Failed to publish event {event_type}: {invalid}");
            None
        }
    }
}

/// Tries until the store takes the batch. Trying again is safe: each event brings its id.
async fn publish(publisher: &Publisher, events: Vec<Arc<Event>>, counts: &Counters, stop: &CancellationToken) {
    let mut backoff = Backoff::new();
    loop {
        let error = match publisher.append(events.clone()).await {
            Ok(outcomes) => return count(&events, &outcomes, counts),
            Err(error) => error,
        };
        if stop.is_cancelled() {
            counts.dropped.fetch_add(events.len() as u64, Relaxed);
            tracing::error!(events = events.len(), "Failed to publish events before the end: {error}");
            return;
        }
        if matches!(&error, PublishError::Unavailable(StoreError::Corrupt(_))) {
            counts.refused.fetch_add(events.len() as u64, Relaxed);
            tracing::error!(events = events.len(), "Failed to publish events: {error}");
            return;
        }
        let pause: Duration = backoff.next();
        tracing::warn!(events = events.len(), ?pause, "Failed to publish events, trying again: {error}");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

fn count(events: &[Arc<Event>], outcomes: &[Appended], counts: &Counters) {
    for (event, outcome) in events.iter().zip(outcomes) {
        if let Appended::Conflict(existing) = outcome {
            counts.refused.fetch_add(1, Relaxed);
            tracing::warn!(event.id = %event.event_id, "Failed to publish event {}: its key belongs to {existing}", event.event_type);
        } else {
            counts.published.fetch_add(1, Relaxed);
        }
    }
}
