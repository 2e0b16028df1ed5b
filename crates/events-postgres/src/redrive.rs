//! Dead letters that get another chance.

use events_core::{HandlerName, Target, ports::RedriveFilter};
use jiff::Timestamp;

use crate::{arguments, database::Database, error::Failure, notifier::Notifier, rows::Cells, time::Time};

/// Turns dead letters back into deliveries.
pub(crate) async fn redrive(
    database: &Database,
    notifier: &Notifier,
    filter: &RedriveFilter,
    now: Timestamp,
) -> Result<usize, Failure> {
    let deliveries = filter.deliveries.as_ref().map(|these| these.iter().map(|id| id.0).collect::<Vec<i64>>());
    let values = arguments![
        deliveries,
        filter.handler.as_ref().map(HandlerName::as_str),
        filter.target.as_ref().map(Target::as_str),
        filter.organization_id.as_deref(),
        crate::count(filter.limit),
        Time(now),
    ];
    let rows = database.change(include_str!("queries/redrive.sql"), values).await?;
    let Some(row) = rows.first() else { return Ok(0) };
    let cells = Cells::of(row, "dead_letters", "redriven");
    notifier.handlers(cells.get::<Vec<String>>("handlers")?.iter().map(String::as_str));
    cells.number("redriven")
}
