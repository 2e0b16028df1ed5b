//! How a list finds the deliveries that wait.

use events_core::{HandlerName, StoreError, Target, ports::DeliveryQuery};

use crate::{error::Failure, reader::Reader};

/// So many entries of the index of due times are looked at one by one and sorted. Each costs five microseconds, where a
/// row of a walk over all that waits costs a small part of one, and the walk ends when the page is full.
const FEW: i64 = 500;

/// The words that tell SQLite where to look. It cannot know that itself: it chooses when it prepares a statement, and
/// would take the index of due times and sort all that waits for a handler, for every page.
pub(super) async fn of(reader: &Reader, query: &DeliveryQuery) -> Result<&'static str, StoreError> {
    let Some(handler) = &query.handler else { return Ok("") };
    if query.delivery_id.is_some() || query.event_id.is_some() {
        return Ok("");
    }
    let few = waiting(reader, handler, query.target.as_ref()).await? < FEW;
    Ok(if few { "INDEXED BY idx_deliveries_due" } else { "NOT INDEXED" })
}

/// How many deliveries wait, as far as [`FEW`].
async fn waiting(reader: &Reader, handler: &HandlerName, target: Option<&Target>) -> Result<i64, StoreError> {
    const QUERY: &str = include_str!("../queries/deliveries_waiting.sql");
    let of_target = target.map_or("", |_| " AND target = ?2");
    let query = sqlx::query(sqlx::AssertSqlSafe(QUERY.replace("{of_target}", of_target)));
    let query = query.bind(handler.as_str()).bind(target.map(Target::as_str)).bind(FEW);
    reader.one(query, |row| sqlx::Row::try_get(row, 0).map_err(Failure::from)).await
}
