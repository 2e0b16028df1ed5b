//! The read side of the memory store.

use std::{ops::Bound, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::{
    delivery::DeliveryId,
    event::{EventId, EventType, Seq, StoredEvent},
    ports::{
        AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Depth, EventDetail, EventHistory,
        Page, StoreError, TimelineQuery,
    },
};

#[async_trait]
impl EventHistory for MemoryStore {
    async fn event(&self, event_id: EventId, organization_id: Option<&str>) -> Result<Option<EventDetail>, StoreError> {
        let state = self.state();
        let detail = state.event_ids.get(&event_id).map(|seq| state.detail(*seq));
        Ok(detail.filter(|it| organization_id.is_none() || it.event.organization_id.as_deref() == organization_id))
    }

    async fn timeline(&self, query: TimelineQuery) -> Result<Page<EventDetail>, StoreError> {
        Ok(self.state().timeline(&query))
    }

    async fn scan(&self, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let state = self.state();
        let later = state.events.range((Bound::Excluded(after), Bound::Unbounded)).take(limit);
        Ok(later.map(|(seq, event)| StoredEvent { seq: *seq, event: Arc::clone(event) }).collect())
    }

    async fn happened_after(
        &self,
        event_type: &EventType,
        organization_id: Option<&str>,
        after: Seq,
    ) -> Result<bool, StoreError> {
        let state = self.state();
        let mut later = state.events.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(later.any(|(_, it)| it.event_type == *event_type && it.organization_id.as_deref() == organization_id))
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
        Ok(self.state().delivery_list(&query))
    }

    async fn attempts(&self, delivery_id: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        let state = self.state();
        let attempts = state.attempts.iter().map(|attempt| &attempt.record);
        Ok(attempts.filter(|record| record.delivery_id == delivery_id).cloned().collect())
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Page<DeadLetter>, StoreError> {
        Ok(self.state().dead_letter_list(&query))
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth, StoreError> {
        Ok(self.state().depth(now))
    }
}
