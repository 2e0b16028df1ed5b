//! Making the deliveries of events.

use std::collections::HashSet;

use events_core::ports::{RouteSummary, RoutedEvent, RoutesVersion, Unrouted};
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};

use crate::{arguments, database::Database, error::Failure, rows, rows::Cells, time::Time};

/// What waits to be routed. When nothing does, one row has the version of the stored routes alone.
pub(crate) fn unrouted(rows: &[PgRow]) -> Result<Unrouted, Failure> {
    let mut unrouted = Unrouted::default();
    for row in rows {
        let cells = Cells::of(row, "routes_version", "version");
        unrouted.routes = RoutesVersion(cells.get("version")?);
        if cells.get::<Option<i64>>("seq")?.is_some() {
            unrouted.events.push(rows::event(row)?);
        }
    }
    Ok(unrouted)
}

/// Takes events off the outbox and makes their deliveries. Whoever routes tells the workers.
pub(crate) async fn route(
    database: &Database,
    routed: &[RoutedEvent],
    now: Timestamp,
) -> Result<RouteSummary, Failure> {
    if routed.is_empty() {
        return Ok(RouteSummary::default());
    }
    let rows = database.change(include_str!("queries/route.sql"), values(routed, now)?).await?;
    let row = rows.first().ok_or_else(|| Failure::Corrupt("the routing statement answered nothing".to_owned()))?;
    let cells = Cells::of(row, "deliveries", "events");
    let (handlers, targets): (Vec<String>, Vec<String>) = (cells.get("handlers")?, cells.get("targets")?);
    if !targets.is_empty() {
        // Their next time is now too early at most, which hides nothing; so this may fail.
        let scheduled = database.change(include_str!("queries/schedule.sql"), arguments![handlers, targets]).await;
        if let Err(failure) = scheduled {
            tracing::debug!("Targets are looked at once more than needed: {}", failure.undone());
        }
    }
    Ok(RouteSummary {
        events: cells.number("events")?,
        deliveries: cells.number("deliveries")?,
        cancelled: cells.number("cancelled")?,
    })
}

/// The arguments of the statement, with each event once.
fn values(routed: &[RoutedEvent], now: Timestamp) -> Result<PgArguments, Failure> {
    let mut seen = HashSet::with_capacity(routed.len());
    let events: Vec<&RoutedEvent> = routed.iter().filter(|event| seen.insert(event.seq)).collect();
    let place = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
    let cancelled = events
        .iter()
        .enumerate()
        .flat_map(|(at, event)| event.cancellations.iter().map(move |key| (event.seq.0, place(at), key.as_str())));
    let cancelled: Vec<(i64, i32, &str)> = cancelled.collect();
    let planned = events
        .iter()
        .enumerate()
        .flat_map(|(at, event)| event.deliveries.iter().map(move |delivery| (event.seq.0, place(at), delivery)));
    let planned: Vec<_> = planned.collect();
    Ok(arguments![
        events.iter().map(|event| event.seq.0).collect::<Vec<_>>(),
        cancelled.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(),
        cancelled.iter().map(|(_, place, _)| *place).collect::<Vec<_>>(),
        cancelled.iter().map(|(.., key)| *key).collect::<Vec<_>>(),
        planned.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(),
        planned.iter().map(|(_, place, _)| *place).collect::<Vec<_>>(),
        planned.iter().map(|(.., delivery)| delivery.handler.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|(.., delivery)| delivery.target.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|(.., delivery)| Time(delivery.due_at)).collect::<Vec<_>>(),
        planned.iter().map(|(.., delivery)| delivery.cancel_key.as_deref()).collect::<Vec<_>>(),
        planned.iter().map(|(.., delivery)| delivery.guard.as_ref().map(rows::guard_text)).collect::<Vec<_>>(),
        Time(now),
    ])
}
