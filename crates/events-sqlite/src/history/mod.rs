//! The read side: what happened, and what came of it.

mod deliveries;
mod filters;
mod timeline;
mod walk;

pub(crate) use filters::Filters;

use async_trait::async_trait;
use events_core::{
    DeliveryId, EventId, EventType, Seq, StoreError, StoredEvent,
    ports::{
        AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Depth, EventDetail, EventHistory,
        Page, TimelineQuery,
    },
};
use jiff::Timestamp;
use sqlx::Row;

use crate::{
    error::Failure,
    rows::{self, Cells},
    store::SqliteStore,
};

#[async_trait]
impl EventHistory for SqliteStore {
    async fn event(&self, event_id: EventId, organization_id: Option<&str>) -> Result<Option<EventDetail>, StoreError> {
        let query = sqlx::query(include_str!("../queries/event.sql"))
            .bind(&event_id.as_uuid().as_bytes()[..])
            .bind(organization_id);
        Ok(self.reader.all(query, timeline::detail).await?.pop())
    }

    async fn timeline(&self, query: TimelineQuery) -> Result<Page<EventDetail>, StoreError> {
        timeline::page(&self.reader, &query).await
    }

    async fn scan(&self, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        let query = sqlx::query(include_str!("../queries/scan.sql")).bind(after.0).bind(crate::count(limit));
        self.reader.all(query, rows::event).await
    }

    async fn happened_after(
        &self,
        event_type: &EventType,
        organization_id: Option<&str>,
        after: Seq,
    ) -> Result<bool, StoreError> {
        let text = match organization_id {
            Some(_) => include_str!("../queries/happened_after.sql"),
            None => include_str!("../queries/happened_after_nowhere.sql"),
        };
        let query = sqlx::query(text).bind(event_type.as_str()).bind(organization_id).bind(after.0);
        self.reader.one(query, |row| Ok(row.try_get(0)?)).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
        deliveries::page(&self.reader, &query).await
    }

    async fn attempts(&self, delivery_id: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        let query = sqlx::query(include_str!("../queries/attempts.sql")).bind(delivery_id.0);
        self.reader.all(query, deliveries::attempt).await
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Page<DeadLetter>, StoreError> {
        deliveries::dead_letter_page(&self.reader, &query).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth, StoreError> {
        let query = sqlx::query(include_str!("../queries/depth.sql")).bind(now.as_microsecond());
        self.reader.one(query, |row| depth(&Cells::of(row, "depth", "unrouted"))).await
    }
}

fn depth(cells: &Cells<'_>) -> Result<Depth, Failure> {
    let unrouted: u64 = cells.number("unrouted")?;
    // A routed event is off the outbox, so nothing is counted twice.
    let waiting: u64 = cells.number("open_events")?;
    let planned: u64 = cells.number("planned_events")?;
    Ok(Depth {
        unprocessed: unrouted + waiting.saturating_sub(planned),
        unrouted,
        due: cells.number("due")?,
        scheduled: cells.number("scheduled")?,
        leased: cells.number("leased")?,
        dead: cells.number("dead")?,
    })
}
