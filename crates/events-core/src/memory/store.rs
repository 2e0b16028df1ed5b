//! The write side: each call takes the lock once and does all of its work under it.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::{
    delivery::{Delivery, HandlerName, LeaseRef, Settlement},
    event::Event,
    ports::{
        Appended, ClaimRequest, EventStore, PruneRequest, Pruned, RedriveFilter, RouteSummary, Routed, RoutedEvent,
        SettleSummary, StoreError, Unrouted,
    },
};

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError> {
        Ok(self.state().append(events))
    }

    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        Ok(self.state().unrouted(limit))
    }

    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError> {
        Ok(self.state().route(routed, &[], now).summary)
    }

    async fn route_and_claim(
        &self,
        routed: Vec<RoutedEvent>,
        offers: Vec<ClaimRequest>,
        now: Timestamp,
    ) -> Result<Routed, StoreError> {
        Ok(self.state().route(routed, &offers, now))
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().claim(&request))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError> {
        Ok(self.state().settle(settlements))
    }

    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError> {
        Ok(self.state().renew(leases, until))
    }

    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.state().release_expired(now, limit))
    }

    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError> {
        Ok(self.state().redrive(&filter, now))
    }

    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError> {
        Ok(self.state().prune(&request))
    }

    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.state().next_due(handler))
    }
}
