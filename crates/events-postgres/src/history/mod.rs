//! The read side: what happened, and what came of it.

mod deliveries;
mod filters;
mod timeline;

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

use crate::{arguments, error::Failure, rows::Cells, store::PgStore, time::Time};

#[async_trait]
impl EventHistory for PgStore {
    async fn event(&self, event_id: EventId, organization_id: Option<&str>) -> Result<Option<EventDetail>, StoreError> {
        let values = crate::given(|| Ok(arguments![*event_id.as_uuid(), organization_id]))?;
        let rows = self.database.look(include_str!("../queries/event.sql"), values).await?;
        rows.first().map(timeline::detail).transpose().map_err(|failure| failure.undone())
    }

    async fn timeline(&self, query: TimelineQuery) -> Result<Page<EventDetail>, StoreError> {
        timeline::page(&self.database, &query).await
    }

    async fn scan(&self, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
        self.order.scan(&self.database, after, limit).await
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
        let values = crate::given(|| Ok(arguments![event_type.as_str(), organization_id, after.0]))?;
        let rows = self.database.look(text, values).await?;
        let happened = rows.first().map_or(Ok(false), |row| row.try_get(0));
        happened.map_err(|error| Failure::from(error).undone())
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
        deliveries::page(&self.database, &query).await
    }

    async fn attempts(&self, delivery_id: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError> {
        let values = crate::given(|| Ok(arguments![delivery_id.0]))?;
        let text = self.database.schema.statement(include_str!("../queries/attempts.sql"));
        let rows = self.database.read(text, values).await?;
        rows.iter().map(deliveries::attempt).collect::<Result<_, _>>().map_err(|failure| failure.undone())
    }

    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Page<DeadLetter>, StoreError> {
        deliveries::dead_letter_page(&self.database, &query).await
    }

    async fn depth(&self, now: Timestamp) -> Result<Depth, StoreError> {
        let values = crate::given(|| Ok(arguments![Time(now)]))?;
        let rows = self.database.look(include_str!("../queries/depth.sql"), values).await?;
        let depth =
            rows.first().map_or_else(|| Ok(Depth::default()), |row| depth(&Cells::of(row, "depth", "unrouted")));
        depth.map_err(|failure| failure.undone())
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
