//! A store that tests hold up, look into and let fail.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::Seen;
use crate::{
    delivery::{Delivery, HandlerName, LeaseRef, Settlement},
    event::Event,
    ports::{
        Appended, ClaimRequest, EventStore, PruneRequest, Pruned, RedriveFilter, RouteSummary, Routed, RoutedEvent,
        SettleSummary, StoreError, Unrouted,
    },
    testkit::MemoryStore,
};

type Fault = dyn Fn(&'static str, usize) -> Option<StoreError> + Send + Sync;

/// Fails the calls that its script names, before they happen, and holds appends at a gate.
pub(super) struct Hooked {
    inner: Arc<MemoryStore>,
    fault: Box<Fault>,
    calls: AtomicUsize,
    failures: AtomicUsize,
    /// An append takes a permit; tests that hold appends back take the permits away.
    pub(super) gate: Semaphore,
    /// The events of each append, in order.
    pub(super) appended: Seen<Vec<Arc<Event>>>,
}

impl Hooked {
    /// `fault` gets the name of the method and the number of the call.
    pub(super) fn new(
        inner: Arc<MemoryStore>,
        fault: impl Fn(&'static str, usize) -> Option<StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            inner,
            fault: Box::new(fault),
            calls: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            gate: Semaphore::new(1_000_000),
            appended: Seen::default(),
        }
    }

    /// One whose appends wait until the gate gets permits.
    pub(super) fn closed() -> Self {
        let store = Self::new(Arc::new(MemoryStore::new()), |_, _| None);
        store.gate.forget_permits(1_000_000);
        store
    }

    pub(super) fn failures(&self) -> usize {
        self.failures.load(SeqCst)
    }

    async fn enter(&self, method: &'static str) -> Result<&MemoryStore, StoreError> {
        if method == "append" {
            let permit = self.gate.acquire().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            permit.forget();
        }
        let call = self.calls.fetch_add(1, SeqCst);
        match (self.fault)(method, call) {
            None => Ok(&self.inner),
            Some(error) => {
                self.failures.fetch_add(1, SeqCst);
                Err(error)
            }
        }
    }
}

#[async_trait]
impl EventStore for Hooked {
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError> {
        self.appended.push(events.clone());
        self.enter("append").await?.append(events).await
    }
    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        self.enter("unrouted").await?.unrouted(limit).await
    }
    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError> {
        self.enter("route").await?.route(routed, now).await
    }
    async fn route_and_claim(
        &self,
        routed: Vec<RoutedEvent>,
        offers: Vec<ClaimRequest>,
        now: Timestamp,
    ) -> Result<Routed, StoreError> {
        self.enter("route").await?.route_and_claim(routed, offers, now).await
    }
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError> {
        self.enter("claim").await?.claim(request).await
    }
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError> {
        self.enter("settle").await?.settle(settlements).await
    }
    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError> {
        self.enter("renew").await?.renew(leases, until).await
    }
    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.enter("release_expired").await?.release_expired(now, limit).await
    }
    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError> {
        self.enter("redrive").await?.redrive(filter, now).await
    }
    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError> {
        self.enter("prune").await?.prune(request).await
    }
    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError> {
        self.enter("next_due").await?.next_due(handler).await
    }
}
