//! Word between processes without a broker: `NOTIFY`, and polling as the truth.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use events_core::{
    HandlerName,
    ports::{DeliveryQueue, QueueError, Receipt, Received, Reference},
};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use crate::{
    notifier::Notifier,
    store::PgStore,
    wakeups::{PgWakeups, Wakeup},
};

/// Tells the workers of every process that there is something to do, through the database.
///
/// Word is a bell for each handler: it names no events, and several pushes ring it once. All
/// processes hear it, and whoever claims first has the work. Nothing is kept for a process that is
/// away, so there is nothing to acknowledge; it looks for itself when it is back. Behind a pooler,
/// where nobody can listen, the bells ring within the process only.
#[derive(Debug)]
pub struct PgQueue {
    bells: Arc<Bells>,
    notifier: Arc<Notifier>,
    listening: Option<AbortHandle>,
}

#[derive(Debug, Default)]
struct Bells {
    handlers: Mutex<HashMap<HandlerName, Arc<Notify>>>,
    outbox: Notify,
    is_connected: watch::Sender<bool>,
}

impl PgQueue {
    /// Begins to listen, on a connection of its own, until it is dropped.
    #[must_use]
    pub fn start(store: &PgStore) -> Self {
        let bells = Arc::new(Bells::default());
        let listening = store.wakeups().map(|wakeups| tokio::spawn(listen(wakeups, bells.clone())).abort_handle());
        Self { bells, notifier: store.notifier.clone(), listening }
    }

    /// Tells other processes and hears nothing of them: for a process that publishes only. There is nothing that it would
    /// do, and to be woken for nothing takes time from those who have something to do.
    #[must_use]
    pub fn telling(store: &PgStore) -> Self {
        Self { bells: Arc::default(), notifier: store.notifier.clone(), listening: None }
    }

    /// Waits until it hears other processes; for ever behind a pooler, or where it only tells.
    pub async fn listening(&self) {
        let mut connected = self.bells.is_connected.subscribe();
        if self.listening.is_none() || connected.wait_for(|is_connected| *is_connected).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until somebody else stored events that wait to be routed: another process, or an
    /// application with [`PgStore::append_in`].
    pub async fn unrouted(&self) {
        self.bells.outbox.notified().await;
    }
}

impl Drop for PgQueue {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

impl Bells {
    fn of(&self, handler: &HandlerName) -> Arc<Notify> {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(handlers.entry(handler.clone()).or_default())
    }

    fn ring_all(&self) {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|bell| bell.notify_one());
        self.outbox.notify_one();
    }
}

async fn listen(mut wakeups: PgWakeups, bells: Arc<Bells>) {
    loop {
        match wakeups.next().await {
            Wakeup::Outbox => bells.outbox.notify_one(),
            Wakeup::Handler(handler) => bells.of(&handler).notify_one(),
            Wakeup::All => {
                bells.ring_all();
                bells.is_connected.send_replace(true);
            }
        }
    }
}

#[async_trait]
impl DeliveryQueue for PgQueue {
    async fn push(&self, references: Vec<Reference>) -> Result<(), QueueError> {
        for reference in &references {
            self.bells.of(&reference.handler).notify_one();
        }
        let told = self.notifier.tell_handlers(references.iter().map(|reference| reference.handler.as_str())).await;
        told.map_err(|failure| QueueError::Unavailable(failure.undone().to_string()))
    }

    async fn receive(&self, handler: &HandlerName, _limit: usize) -> Result<Vec<Received>, QueueError> {
        self.bells.of(handler).notified().await;
        let reference = Reference { handler: handler.clone(), seqs: Vec::new() };
        Ok(vec![Received { reference, receipt: Receipt(0) }])
    }

    async fn ack(&self, _receipts: Vec<Receipt>) -> Result<(), QueueError> {
        Ok(())
    }

    /// The worker that refuses has handed its deliveries back, and the store has told of it.
    async fn nack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        if !receipts.is_empty() {
            self.bells.ring_all();
        }
        Ok(())
    }
}
