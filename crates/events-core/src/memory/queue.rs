//! A queue in memory: what brokers are compared with, and a broker for tests that can be taken away.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{
    delivery::HandlerName,
    ports::{DeliveryQueue, QueueError, Receipt, Received, Reference},
};

/// One process's connection to a queue in memory.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    broker: Arc<Broker>,
    held: Mutex<BTreeMap<Receipt, Reference>>,
}

/// What all connections share.
#[derive(Debug, Default)]
struct Broker {
    state: Mutex<State>,
    pushed: Notify,
    is_away: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<HandlerName, VecDeque<Reference>>,
    receipts: u64,
}

impl MemoryQueue {
    /// A queue without references.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection of another process to the same queue.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { broker: Arc::clone(&self.broker), held: Mutex::default() }
    }

    /// Takes the broker away from all connections, or brings it back.
    pub fn set_away(&self, is_away: bool) {
        self.broker.is_away.store(is_away, Ordering::SeqCst);
        self.broker.pushed.notify_waiters();
    }

    /// References that nobody has received.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.broker.state().waiting.values().map(VecDeque::len).sum()
    }

    /// References received here that are neither acknowledged nor refused.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.held().len()
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Receipt, Reference>> {
        self.held.lock().expect("nobody panics while holding the receipts")
    }

    fn take(&self, handler: &HandlerName, limit: usize) -> Vec<Received> {
        let mut state = self.broker.state();
        let waiting = state.waiting.entry(handler.clone()).or_default();
        let references: Vec<Reference> = waiting.drain(..limit.min(waiting.len())).collect();
        let receive = |reference: Reference| {
            state.receipts += 1;
            let receipt = Receipt(state.receipts);
            self.held().insert(receipt, reference.clone());
            Received { reference, receipt }
        };
        references.into_iter().map(receive).collect()
    }
}

impl Broker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the state")
    }

    fn is_here(&self) -> Result<(), QueueError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(QueueError::Unavailable("it was taken away".to_owned())),
            false => Ok(()),
        }
    }

    fn put(&self, references: impl IntoIterator<Item = Reference>) {
        let mut state = self.state();
        for reference in references {
            state.waiting.entry(reference.handler.clone()).or_default().push_back(reference);
        }
        self.pushed.notify_waiters();
    }
}

impl Drop for MemoryQueue {
    fn drop(&mut self) {
        let held = std::mem::take(&mut *self.held());
        self.broker.put(held.into_values());
    }
}

#[async_trait]
impl DeliveryQueue for MemoryQueue {
    async fn push(&self, references: Vec<Reference>) -> Result<(), QueueError> {
        self.broker.is_here()?;
        self.broker.put(references);
        Ok(())
    }

    async fn receive(&self, handler: &HandlerName, limit: usize) -> Result<Vec<Received>, QueueError> {
        loop {
            let pushed = self.broker.pushed.notified();
            tokio::pin!(pushed);
            pushed.as_mut().enable(); // before the look, so that a push in between is not missed
            self.broker.is_here()?;
            let received = self.take(handler, limit);
            if !received.is_empty() {
                return Ok(received);
            }
            pushed.await;
        }
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.broker.is_here()?;
        self.held().retain(|receipt, _| !receipts.contains(receipt));
        Ok(())
    }

    async fn nack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.broker.is_here()?;
        let refused: Vec<_> = receipts.iter().filter_map(|receipt| self.held().remove(receipt)).collect();
        self.broker.put(refused);
        Ok(())
    }
}
