//! Leases that are extended, and leases that ran out.

use std::collections::HashSet;

use async_trait::async_trait;
use events_core::{
    DeliveryId,
    delivery::{AttemptOutcome, ErrorClass, Lease, LeaseRef},
};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::{attempts, error::Failure, operation::Operation, schedule::Touched};

/// Extends leases; answers those that are no longer held.
pub(crate) struct Renew {
    pub(crate) leases: Vec<LeaseRef>,
    pub(crate) until: Timestamp,
}

#[async_trait]
impl Operation for Renew {
    type Output = Vec<LeaseRef>;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Vec<LeaseRef>, Failure> {
        let given: Vec<(DeliveryId, i64)> = self.leases.iter().map(|held| (held.delivery_id, held.lease.0)).collect();
        let renewed: Vec<(i64, i64)> = sqlx::query_as(include_str!("queries/renew.sql"))
            .bind(crate::json(&given)?)
            .bind(self.until.as_microsecond())
            .fetch_all(connection)
            .await?;
        let renewed: HashSet<LeaseRef> = renewed
            .into_iter()
            .map(|(id, lease)| LeaseRef { delivery_id: DeliveryId(id), lease: Lease(lease) })
            .collect();
        Ok(self.leases.iter().filter(|held| !renewed.contains(held)).copied().collect())
    }
}

/// Makes deliveries due again whose lease ended before `now`.
pub(crate) struct ReleaseExpired {
    pub(crate) now: Timestamp,
    pub(crate) limit: usize,
}

#[async_trait]
impl Operation for ReleaseExpired {
    type Output = usize;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<usize, Failure> {
        const WHY: &str = "the worker was not heard of again";
        let rows = sqlx::query(include_str!("queries/release_expired.sql"))
            .bind(self.now.as_microsecond())
            .bind(crate::count(self.limit))
            .fetch_all(&mut *connection)
            .await?;
        let records = rows
            .iter()
            .map(|row| attempts::without_handler(row, AttemptOutcome::Lost, ErrorClass::LOST, WHY, self.now))
            .collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<DeliveryId> = records.iter().map(|(_, record)| record.delivery_id).collect();
        sqlx::query(include_str!("queries/release_expired_free.sql"))
            .bind(crate::json(&ids)?)
            .bind(self.now.as_microsecond())
            .execute(&mut *connection)
            .await?;
        attempts::append(connection, &records.iter().map(Into::into).collect::<Vec<_>>()).await?;
        let mut touched = Touched::default();
        records.iter().for_each(|(_, record)| touched.add(record.handler.as_str(), record.target.as_str()));
        touched.schedule(connection).await?;
        Ok(records.len())
    }
}
