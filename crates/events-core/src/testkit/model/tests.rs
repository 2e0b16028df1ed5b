//! A comparison that cannot fail says nothing: a store that differs has to be found out.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Walks, check_model};
use crate::{
    delivery::{Delivery, HandlerName, LeaseRef, Settlement},
    event::Event,
    ports::{
        Appended, ClaimRequest, EventStore, PruneRequest, Pruned, RedriveFilter, RouteSummary, RoutedEvent,
        SettleSummary, StoreError, Unrouted,
    },
    testkit::{Fixture, MemoryStore},
};

/// Like the memory store, but forgets what targets brought upon themselves.
struct Forgetful(Arc<MemoryStore>);

#[async_trait]
impl EventStore for Forgetful {
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError> {
        self.0.append(events).await
    }
    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        self.0.unrouted(limit).await
    }
    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError> {
        self.0.route(routed, now).await
    }
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError> {
        self.0.claim(request).await
    }
    async fn settle(&self, mut settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError> {
        settlements.iter_mut().for_each(|settlement| settlement.target_effect = None);
        self.0.settle(settlements).await
    }
    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError> {
        self.0.renew(leases, until).await
    }
    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.release_expired(now, limit).await
    }
    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError> {
        self.0.redrive(filter, now).await
    }
    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError> {
        self.0.prune(request).await
    }
    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError> {
        self.0.next_due(handler).await
    }
}

async fn forgetful() -> Fixture {
    let inner = Arc::new(MemoryStore::new());
    Fixture::new(inner.clone()).writing_through(Arc::new(Forgetful(inner)))
}

/// The walk that shows it is told: it needs a settlement, the only thing that is done differently.
#[test]
fn a_store_that_differs_is_found() {
    let found = std::panic::catch_unwind(|| check_model(Walks::default(), forgetful)).unwrap_err();
    let told = found.downcast_ref::<String>().unwrap();
    assert!(told.contains("answers differently") && told.contains(". Settle"), "{told}");
}
