//! Leases that are extended, leases that ran out, and the lease of whoever leads.

use std::collections::HashSet;

use events_core::{
    DeliveryId,
    delivery::{Lease, LeaseRef},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

use crate::{arguments, database::Database, error::Failure, notifier::Notifier, rows::Cells, time::Time};

/// Extends leases; answers those that are no longer held.
pub(crate) async fn renew(
    database: &Database,
    leases: Vec<LeaseRef>,
    until: Timestamp,
) -> Result<Vec<LeaseRef>, Failure> {
    let ids: Vec<i64> = leases.iter().map(|held| held.delivery_id.0).collect();
    let numbers: Vec<i64> = leases.iter().map(|held| held.lease.0).collect();
    let values = arguments![ids, numbers, Time(until)];
    let mut renewed = HashSet::with_capacity(leases.len());
    for row in database.change(include_str!("queries/renew.sql"), values).await? {
        let (delivery_id, lease) = (DeliveryId(row.try_get("delivery_id")?), Lease(row.try_get("lease")?));
        renewed.insert(LeaseRef { delivery_id, lease });
    }
    Ok(leases.into_iter().filter(|held| !renewed.contains(held)).collect())
}

/// Makes deliveries due again whose lease ended before `now`.
pub(crate) async fn release_expired(
    database: &Database,
    notifier: &Notifier,
    now: Timestamp,
    limit: usize,
) -> Result<usize, Failure> {
    let values = arguments![Time(now), crate::count(limit)];
    let rows = database.change(include_str!("queries/release_expired.sql"), values).await?;
    let Some(row) = rows.first() else { return Ok(0) };
    let cells = Cells::of(row, "deliveries", "released");
    notifier.handlers(cells.get::<Vec<String>>("handlers")?.iter().map(String::as_str));
    cells.number("released")
}

/// Whether `holder` leads in `name` until `lease_for` after `now`.
pub(crate) async fn lead(
    database: &Database,
    name: &str,
    holder: &str,
    lease_for: std::time::Duration,
    now: Timestamp,
) -> Result<bool, Failure> {
    let lease = SignedDuration::try_from(lease_for).unwrap_or(SignedDuration::MAX);
    let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let values = arguments![name, holder, Time(until), Time(now)];
    Ok(!database.change(include_str!("queries/lead.sql"), values).await?.is_empty())
}

/// Gives up the lead in `name`, if `holder` has it.
pub(crate) async fn resign(database: &Database, name: &str, holder: &str) -> Result<(), Failure> {
    database.change(include_str!("queries/resign.sql"), arguments![name, holder]).await.map(drop)
}
