//! Making the deliveries of events.

use std::collections::HashSet;

use events_core::{
    DeliveryId, Target,
    delivery::Lease,
    ports::{ClaimRequest, Leased, NewDelivery, RouteSummary, Routed, RoutedEvent, RoutesVersion, Unrouted},
};
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};

use crate::{arguments, claim::lease_until, database::Database, error::Failure, rows, rows::Cells, time::Time};

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

/// Takes events off the outbox and makes their deliveries, some of them leased already. Whoever routes tells the
/// workers.
pub(crate) async fn route(
    database: &Database,
    routed: &[RoutedEvent],
    offers: &[ClaimRequest],
    now: Timestamp,
) -> Result<Routed, Failure> {
    if routed.is_empty() {
        return Ok(Routed::default());
    }
    let given = given(routed);
    let planned = planned(&given);
    let rows = database.change(include_str!("queries/route.sql"), values(&given, &planned, offers, now)?).await?;
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
    let summary = RouteSummary {
        events: cells.number("events")?,
        deliveries: cells.number("deliveries")?,
        cancelled: cells.number("cancelled")?,
    };
    Ok(Routed { summary, leased: leased(&cells, &planned)? })
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
    Ok(leased.collect())
}

/// An event with what its plan says, and where it stands.
struct Given<'a> {
    /// Its place among the events.
    at: i32,
    event: &'a RoutedEvent,
    /// The place of its first delivery among all deliveries.
    first: usize,
}

/// The events, each once.
fn given(routed: &[RoutedEvent]) -> Vec<Given<'_>> {
    let (mut seen, mut first) = (HashSet::with_capacity(routed.len()), 0);
    let mut given = Vec::with_capacity(routed.len());
    for event in routed {
        if seen.insert(event.seq) {
            given.push(Given { at: i32::try_from(given.len()).unwrap_or(i32::MAX), event, first });
        }
        first += event.deliveries.len();
    }
    given
}

/// A delivery to be made.
struct Planned<'a> {
    /// Its place among all deliveries.
    place: usize,
    of: &'a Given<'a>,
    new: &'a NewDelivery,
}

fn planned<'a>(given: &'a [Given<'a>]) -> Vec<Planned<'a>> {
    let of_event =
        |of: &'a Given<'a>| (of.first..).zip(&of.event.deliveries).map(move |(place, new)| Planned { place, of, new });
    given.iter().flat_map(of_event).collect()
}

/// The arguments of the statement.
fn values(
    given: &[Given<'_>],
    planned: &[Planned<'_>],
    offers: &[ClaimRequest],
    now: Timestamp,
) -> Result<PgArguments, Failure> {
    let cancelled = given.iter().flat_map(|of| of.event.cancellations.iter().map(move |key| (of, key.as_str())));
    let cancelled: Vec<(&Given<'_>, &str)> = cancelled.collect();
    let until = |offer: &ClaimRequest| Time(lease_until(now, offer.lease_for));
    let allowed =
        offers.iter().flat_map(|offer| offer.allowances.of.iter().map(move |(target, most)| (offer, target, most)));
    let allowed: Vec<(&ClaimRequest, &Target, &usize)> = allowed.collect();
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
        offers.iter().map(|offer| offer.handler.as_str()).collect::<Vec<_>>(),
        offers.iter().map(|offer| crate::count(offer.limit)).collect::<Vec<_>>(),
        offers.iter().map(|offer| crate::count(offer.allowances.each)).collect::<Vec<_>>(),
        offers.iter().map(until).collect::<Vec<_>>(),
        offers.iter().map(|offer| offer.worker.as_str()).collect::<Vec<_>>(),
        allowed.iter().map(|(offer, ..)| offer.handler.as_str()).collect::<Vec<_>>(),
        allowed.iter().map(|(_, target, _)| target.as_str()).collect::<Vec<_>>(),
        allowed.iter().map(|(.., most)| crate::count(**most)).collect::<Vec<_>>(),
    ])
}
