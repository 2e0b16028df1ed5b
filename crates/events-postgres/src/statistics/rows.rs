//! Counts and groups as rows.

use events_core::{
    Target,
    ports::{CountingStep, Position, SubscriptionCounts},
    statistics::{AttemptGroup, Day, EventGroup, Latencies, Tally},
};
use sqlx::postgres::{PgArguments, PgRow};

use super::Drawn;
use crate::{
    arguments,
    error::Failure,
    rows::{self, Cells},
};

/// A step as columns.
pub(super) fn step_values(step: &CountingStep) -> Result<PgArguments, Failure> {
    let CountingStep { from, to, counts } = step;
    let keys = || counts.attempts.keys();
    let column = |of: fn(&Tally) -> u64| counts.attempts.values().map(|tally| whole(of(tally))).collect::<Vec<_>>();
    Ok(arguments![
        from.attempts,
        from.events,
        to.attempts,
        to.events,
        keys().map(|(handler, ..)| handler.as_str()).collect::<Vec<_>>(),
        keys().map(|(_, scope, _)| scope.word()).collect::<Vec<_>>(),
        keys().map(|(_, scope, _)| scope.name()).collect::<Vec<_>>(),
        keys().map(|(.., day)| day.0).collect::<Vec<_>>(),
        column(|tally| tally.succeeded),
        column(|tally| tally.failed),
        column(|tally| tally.dead),
        column(|tally| tally.dropped),
        column(|tally| tally.retries),
        column(|tally| tally.duration_ms),
        counts.attempts.values().map(|tally| array(&tally.latencies)).collect::<Vec<_>>(),
        counts.events.keys().map(|(whose, _)| whose.as_deref().unwrap_or_default()).collect::<Vec<_>>(),
        counts.events.keys().map(|(_, day)| day.0).collect::<Vec<_>>(),
        counts.events.values().map(|count| whole(*count)).collect::<Vec<_>>(),
    ])
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Arrays of different lengths cannot be in one array, so each travels as text.
fn array(latencies: &Latencies) -> String {
    let counts: Vec<String> = latencies.groups().iter().map(|count| whole(*count).to_string()).collect();
    format!("{{{}}}", counts.join(","))
}

/// How far counting has come, and the last numbers that were drawn.
pub(super) fn drawn(row: &PgRow) -> Result<Drawn, Failure> {
    let cells = Cells::of(row, "counts_position", "attempts");
    Ok(Drawn {
        position: Position { attempts: cells.get("attempts")?, events: cells.get("events")? },
        last: Position { attempts: cells.get("last_attempt")?, events: cells.get("last_event")? },
    })
}

/// Attempts that are alike.
pub(super) fn attempt_group(row: &PgRow) -> Result<AttemptGroup, Failure> {
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
pub(super) fn event_group(row: &PgRow) -> Result<EventGroup, Failure> {
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
pub(super) fn counted(row: &PgRow, of_targets: bool) -> Result<Row, Failure> {
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
    let latencies: Vec<i64> = cells.get("latencies")?;
    let latencies = latencies.into_iter().map(|count| u64::try_from(count).unwrap_or_default());
    Ok(Tally {
        succeeded: cells.number("succeeded")?,
        failed: cells.number("failed")?,
        dead: cells.number("dead")?,
        dropped: cells.number("dropped")?,
        retries: cells.number("retries")?,
        duration_ms: cells.number("duration_ms")?,
        latencies: Latencies::from_groups(latencies.collect()),
    })
}

/// How subscriptions do.
pub(super) fn subscription_counts(row: &PgRow) -> Result<SubscriptionCounts, Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "total");
    Ok(SubscriptionCounts {
        total: cells.number("total")?,
        failing: cells.number("failing")?,
        paused: cells.number("paused")?,
        disabled: cells.number("disabled")?,
        unverified: cells.number("unverified")?,
    })
}
