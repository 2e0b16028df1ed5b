//! Events with their progress, newest first.

use events_core::{
    Pattern, StoreError,
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
    let mut any = Vec::new();
    for pattern in &query.event_types {
        any.push(match pattern {
            Pattern::All => "true".to_owned(),
            Pattern::Exact(event_type) => format!("event_type = {}", filters.argument(event_type.as_str())?),
            Pattern::Prefix(prefix) => {
                // The prefix ends in a dot; the character after the dot ends the range.
                let end = format!("{}/", prefix.trim_end_matches('.'));
                let from = filters.argument(&**prefix)?;
                format!("(event_type >= {from} AND event_type < {})", filters.argument(end)?)
            }
        });
    }
    if !any.is_empty() {
        filters.and_condition(&format!("({})", any.join(" OR ")));
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
