//! Events with their progress, newest first.

use events_core::{
    StoreError,
    ports::{EventDetail, Page, TimelineQuery},
};
use sqlx::postgres::PgRow;

use super::filters::Filters;
use crate::{
    database::Database,
    error::Failure,
    rows::{self, Cells},
    time::Time,
};

/// A page of the timeline.
pub(super) async fn page(database: &Database, query: &TimelineQuery) -> Result<Page<EventDetail>, StoreError> {
    let filters = filters(query).map_err(|failure| failure.undone())?;
    filters.page(database, query.page.limit, detail, |detail| detail.seq.0).await
}

fn filters(query: &TimelineQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/timeline.sql"), &query.page)?;
    filters.and("seq < {}", query.page.cursor)?;
    filters.and("actor = {}", query.actor.as_deref())?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    filters.and("created_at >= {}", query.since.map(Time))?;
    filters.and("created_at < {}", query.until.map(Time))?;
    if let Some(of_types) = filters.of_types(&query.event_types)? {
        filters.and_condition(&of_types);
    }
    Ok(filters)
}

/// An event with its progress.
pub(super) fn detail(row: &PgRow) -> Result<EventDetail, Failure> {
    let stored = rows::event(row)?;
    let cells = Cells::of(row, "event_states", "seq");
    Ok(EventDetail {
        seq: stored.seq,
        event: std::sync::Arc::unwrap_or_clone(stored.event),
        processed: cells.get("processed")?,
        processed_at: cells.optional_time("processed_at")?,
        retry_count: cells.number("retry_count")?,
        last_error: cells.get("last_error")?,
    })
}
