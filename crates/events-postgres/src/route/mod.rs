//! Making the deliveries of events.

mod hand_over;
mod planned;
mod statement;

use events_core::{
    DeliveryId,
    delivery::Lease,
    ports::{ClaimRequest, Leased, RouteSummary, Routed, RoutedEvent, RoutesVersion, Unrouted, offered},
};
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};

use self::planned::{Given, Planned, given, planned};
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
    unrouted.events.sort_unstable_by_key(|stored| stored.seq);
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
    let given = given(routed);
    let rows = database.change(include_str!("../queries/route.sql"), values(&given, now)?).await?;
    let cells = only(&rows)?;
    let (handlers, targets): (Vec<String>, Vec<String>) = (cells.get("handlers")?, cells.get("targets")?);
    if !targets.is_empty() {
        // Their next time is now too early at most, which hides nothing; so this may fail.
        let scheduled = database.change(include_str!("../queries/schedule.sql"), arguments![handlers, targets]).await;
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

/// The same for events that cancel nothing, some of whose deliveries are leased already.
pub(crate) async fn route_and_claim(
    database: &Database,
    routed: &[RoutedEvent],
    offers: &[ClaimRequest],
    now: Timestamp,
) -> Result<Routed, Failure> {
    let given = given(routed);
    let planned = planned(&given);
    let new: Vec<_> = planned.iter().map(|it| it.new).collect();
    let offered = offered(&new, offers, now);
    if let Some(routed) = hand_over::hand_over(database, &given, &planned, &offered, now).await? {
        return Ok(routed);
    }
    let values = values_with(&given, &planned, &offered, now)?;
    let rows = database.change(include_str!("../queries/route_and_claim.sql"), values).await?;
    let cells = only(&rows)?;
    let (events, deliveries) = (cells.number("events")?, cells.number("deliveries")?);
    let summary = RouteSummary { events, deliveries, cancelled: 0 };
    Ok(Routed { summary, leased: leased(&cells, &planned)? })
}

fn only(rows: &[PgRow]) -> Result<Cells<'_>, Failure> {
    let row = rows.first().ok_or_else(|| Failure::Corrupt("the routing statement answered nothing".to_owned()))?;
    Ok(Cells::of(row, "deliveries", "events"))
}

/// The deliveries that are leased already.
fn leased(cells: &Cells<'_>, planned: &[Planned<'_>]) -> Result<Vec<Leased>, Failure> {
    let (ordinals, ids): (Vec<i64>, Vec<i64>) = (cells.get("leased")?, cells.get("leased_ids")?);
    let leases: Vec<i64> = cells.get("leases")?;
    let at = |ordinal: i64| planned.get(usize::try_from(ordinal).ok()?.checked_sub(1)?);
    let leased = ordinals.into_iter().zip(ids).zip(leases).filter_map(|((ordinal, delivery_id), lease)| {
        let place = at(ordinal)?.place;
        Some(Leased { place, delivery_id: DeliveryId(delivery_id), lease: Lease(lease) })
    });
    let mut leased: Vec<Leased> = leased.collect();
    leased.sort_unstable_by_key(|leased| leased.place);
    Ok(leased)
}

/// The arguments of `route.sql`.
fn values(given: &[Given<'_>], now: Timestamp) -> Result<PgArguments, Failure> {
    let planned = planned(given);
    let cancelled = given.iter().flat_map(|of| of.event.cancellations.iter().map(move |key| (of, key.as_str())));
    let cancelled: Vec<(&Given<'_>, &str)> = cancelled.collect();
    Ok(arguments![
        given.iter().map(|of| of.event.seq.0).collect::<Vec<_>>(),
        cancelled.iter().map(|(of, _)| of.event.seq.0).collect::<Vec<_>>(),
        cancelled.iter().map(|(of, _)| of.at).collect::<Vec<_>>(),
        cancelled.iter().map(|(_, key)| *key).collect::<Vec<_>>(),
        planned.iter().map(|it| it.of.event.seq.0).collect::<Vec<_>>(),
        planned.iter().map(|it| it.of.at).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.handler.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.target.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|it| Time(it.new.due_at)).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.cancel_key.as_deref()).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.guard.as_ref().map(rows::guard_text)).collect::<Vec<_>>(),
        Time(now),
    ])
}

/// The arguments of `route_and_claim.sql`.
fn values_with(
    given: &[Given<'_>],
    planned: &[Planned<'_>],
    offered: &[Option<&ClaimRequest>],
    now: Timestamp,
) -> Result<PgArguments, Failure> {
    let until = |offer: &ClaimRequest| Time(offer.lease_until(now));
    Ok(arguments![
        given.iter().map(|of| of.event.seq.0).collect::<Vec<_>>(),
        planned.iter().map(|it| it.of.event.seq.0).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.handler.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.target.as_str()).collect::<Vec<_>>(),
        planned.iter().map(|it| Time(it.new.due_at)).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.cancel_key.as_deref()).collect::<Vec<_>>(),
        planned.iter().map(|it| it.new.guard.as_ref().map(rows::guard_text)).collect::<Vec<_>>(),
        offered.iter().map(|offer| offer.map(until)).collect::<Vec<_>>(),
        offered.iter().map(|offer| offer.map(|offer| offer.worker.as_str())).collect::<Vec<_>>(),
        Time(now),
    ])
}
