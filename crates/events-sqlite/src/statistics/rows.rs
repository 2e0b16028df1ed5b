//! Counts and groups as rows.

use events_core::{
    Target,
    ports::{Position, SubscriptionCounts, Uncounted},
    statistics::{AttemptGroup, Day, EventGroup, Latencies, Tally},
};
use sqlx::sqlite::SqliteRow;

use crate::{
    error::Failure,
    rows::{self, Cells},
};

/// Where a part begins and ends.
pub(super) fn part(row: &SqliteRow) -> Result<Uncounted, Failure> {
    let cells = Cells::of(row, "counts_position", "from_attempts");
    Ok(Uncounted {
        from: Position { attempts: cells.get("from_attempts")?, events: cells.get("from_events")? },
        to: Position { attempts: cells.get("to_attempts")?, events: cells.get("to_events")? },
        more: cells.get("more")?,
        ..Uncounted::default()
    })
}

/// Attempts that are alike.
pub(super) fn attempt_group(row: &SqliteRow) -> Result<AttemptGroup, Failure> {
    let cells = Cells::of(row, "attempts", "target");
    Ok(AttemptGroup {
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        organization_id: cells.get("organization_id")?,
        day: Day(cells.get("day")?),
        outcome: cells.parse("outcome", rows::outcome)?,
        is_retry: cells.get("is_retry")?,
        duration_ms: cells.number("duration_ms")?,
        count: cells.number("count")?,
    })
}

/// Events that are alike.
pub(super) fn event_group(row: &SqliteRow) -> Result<EventGroup, Failure> {
    let cells = Cells::of(row, "events", "day");
    Ok(EventGroup {
        organization_id: cells.get("organization_id")?,
        day: Day(cells.get("day")?),
        count: cells.number("count")?,
    })
}

/// One of the rows that tell what was counted.
pub(super) enum Row {
    Attempts(Option<Target>, Day, Tally),
    Events(Day, u64),
    Position(Position),
}

/// A row that tells what was counted.
pub(super) fn counted(row: &SqliteRow, of_targets: bool) -> Result<Row, Failure> {
    let cells = Cells::of(row, "attempt_counts", "name");
    let Some(day) = cells.get::<Option<i64>>("day")?.map(Day) else {
        return Ok(Row::Position(Position { attempts: cells.get("attempts")?, events: cells.get("events")? }));
    };
    if cells.get::<Option<i64>>("count")?.is_some() {
        return Ok(Row::Events(day, cells.number("count")?));
    }
    let target = if of_targets { Some(cells.get::<&str>("name")?.into()) } else { None };
    Ok(Row::Attempts(target, day, tally(&cells)?))
}

fn tally(cells: &Cells<'_>) -> Result<Tally, Failure> {
    Ok(Tally {
        succeeded: cells.number("succeeded")?,
        failed: cells.number("failed")?,
        dead: cells.number("dead")?,
        dropped: cells.number("dropped")?,
        retries: cells.number("retries")?,
        duration_ms: cells.number("duration_ms")?,
        latencies: cells.parse("latencies", latencies)?,
    })
}

/// Latencies as they are stored.
pub(super) fn latencies(text: &str) -> Result<Latencies, serde_json::Error> {
    serde_json::from_str(text).map(Latencies::from_groups)
}

/// How subscriptions do.
pub(super) fn subscription_counts(row: &SqliteRow) -> Result<SubscriptionCounts, Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "total");
    Ok(SubscriptionCounts {
        total: cells.number("total")?,
        failing: cells.number("failing")?,
        paused: cells.number("paused")?,
        disabled: cells.number("disabled")?,
        unverified: cells.number("unverified")?,
    })
}
