//! Events with their progress, newest first.

use events_core::{
    StoreError,
    ports::{EventDetail, Page, TimelineQuery},
};
use sqlx::sqlite::SqliteRow;

use super::filters::Filters;
use crate::{
    error::Failure,
    reader::Reader,
    rows::{self, Cells},
};

/// A page of the timeline.
pub(super) async fn page(reader: &Reader, query: &TimelineQuery) -> Result<Page<EventDetail>, StoreError> {
    let filters = filters(query).map_err(|failure| failure.undone())?;
    filters.page(reader, query.page.limit, detail, |detail| detail.seq.0).await
}

/// The statement that looks where the fewest events are.
fn statement(query: &TimelineQuery) -> String {
    let indexed = |index| include_str!("../queries/timeline_indexed.sql").replace("{index}", index);
    match (&query.actor, &query.organization_id) {
        (Some(_), _) => indexed("idx_actor_events"),
        (None, Some(_)) => indexed("idx_org_events"),
        (None, None) => include_str!("../queries/timeline.sql").to_owned(),
    }
}

fn filters(query: &TimelineQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(statement(query), &query.page)?;
    filters.and("seq < {}", query.page.cursor)?;
    filters.and("actor = {}", query.actor.as_deref())?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    filters.and("created_at >= {}", query.since.map(|since| since.as_microsecond()))?;
    filters.and("created_at < {}", query.until.map(|until| until.as_microsecond()))?;
    if let Some(of_types) = filters.of_types(&query.event_types)? {
        filters.and_condition(&of_types);
    }
    Ok(filters)
}

/// An event with its progress.
pub(super) fn detail(row: &SqliteRow) -> Result<EventDetail, Failure> {
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
