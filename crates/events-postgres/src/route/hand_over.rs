//! Few deliveries that go at once to lanes that wait: what an event at a quiet time becomes.

use std::collections::HashSet;

use events_core::{
    DeliveryId,
    delivery::Lease,
    ports::{ClaimRequest, Leased, RouteSummary, Routed},
};
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};

use super::{
    planned::{Given, Planned},
    statement,
};
use crate::{
    arguments,
    database::{Database, add},
    error::Failure,
    few::FEW,
    rows,
    rows::Cells,
    time::Time,
};

/// Routes these events and leases all of their deliveries. `None`, and nothing is changed, when they are not few, when
/// one is not offered to anybody or its target has to wait, or when another router has taken the events.
pub(super) async fn hand_over(
    database: &Database,
    given: &[Given<'_>],
    planned: &[Planned<'_>],
    offered: &[Option<&ClaimRequest>],
    now: Timestamp,
) -> Result<Option<Routed>, Failure> {
    let offers: Option<Vec<&ClaimRequest>> = offered.iter().copied().collect();
    let Some(offers) = offers.filter(|offers| (1..=FEW).contains(&offers.len())) else { return Ok(None) };
    if given.iter().any(|of| of.event.deliveries.is_empty()) {
        return Ok(None); // the statement knows of events by their deliveries
    }
    let rows = database.change(statement::hand_over(planned.len()), values(planned, &offers, now)?).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let leased = rows.iter().map(|row| leased(row, planned)).collect::<Result<Vec<_>, _>>()?;
    let events: HashSet<i32> = leased.iter().map(|(event, _)| *event).collect();
    let mut leased: Vec<Leased> = leased.into_iter().map(|(_, leased)| leased).collect();
    leased.sort_unstable_by_key(|leased| leased.place);
    let summary = RouteSummary { events: events.len(), deliveries: leased.len(), cancelled: 0 };
    Ok(Some(Routed { summary, leased }))
}

/// The arguments of `hand_over.sql`.
fn values(planned: &[Planned<'_>], offers: &[&ClaimRequest], now: Timestamp) -> Result<PgArguments, Failure> {
    let mut values = arguments![Time(now)];
    for ((it, offer), ordinal) in planned.iter().zip(offers).zip(1_i64..) {
        add!(
            &mut values,
            it.of.event.seq.0,
            it.new.handler.as_str(),
            it.new.target.as_str(),
            Time(it.new.due_at),
            it.new.cancel_key.as_deref(),
            it.new.guard.as_ref().map(rows::guard_text),
            Time(offer.lease_until(now)),
            offer.worker.as_str(),
            ordinal,
        );
    }
    Ok(values)
}

/// A delivery that is leased, and the place of its event.
fn leased(row: &PgRow, planned: &[Planned<'_>]) -> Result<(i32, Leased), Failure> {
    let cells = Cells::of(row, "deliveries", "delivery_id");
    let ordinal: i64 = cells.get("ordinal")?;
    let it = usize::try_from(ordinal - 1).ok().and_then(|at| planned.get(at));
    let it =
        it.ok_or_else(|| Failure::Corrupt(format!("the statement that hands over answered for a delivery {ordinal}")))?;
    let (delivery_id, lease) = (DeliveryId(cells.get("delivery_id")?), Lease(cells.get("lease")?));
    Ok((it.of.at, Leased { place: it.place, delivery_id, lease }))
}
