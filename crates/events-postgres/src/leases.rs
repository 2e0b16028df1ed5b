//! Leases that are extended, and leases that ran out.

use std::collections::HashSet;

use events_core::{
    DeliveryId,
    delivery::{Lease, LeaseRef},
};
use jiff::Timestamp;
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

/// Claims that are looked at in one statement.
const CLAIMS: usize = 256;

/// Makes deliveries due again whose lease ended before `now`.
pub(crate) async fn release_expired(
    database: &Database,
    notifier: &Notifier,
    now: Timestamp,
    limit: usize,
) -> Result<usize, Failure> {
    let mut released = 0;
    loop {
        let values = arguments![Time(now), crate::count(limit - released), crate::count(CLAIMS)];
        let rows = database.change(include_str!("queries/release_expired.sql"), values).await?;
        let Some(row) = rows.first() else { return Ok(released) };
        let cells = Cells::of(row, "deliveries", "released");
        notifier.handlers(cells.get::<Vec<String>>("handlers")?.iter().map(String::as_str));
        released += cells.number::<usize>("released")?;
        let (looked, open): (usize, usize) = (cells.number("looked")?, cells.number("open")?);
        // Where all of them are still open, they would be looked at again at once.
        if looked < CLAIMS || open == looked || released >= limit {
            return Ok(released);
        }
    }
}
