//! Dead letters that get another chance.

use async_trait::async_trait;
use events_core::{DeliveryId, HandlerName, Target, ports::RedriveFilter};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::{error::Failure, operation::Operation, schedule::Touched};

/// Turns dead letters back into deliveries.
pub(crate) struct Redrive {
    pub(crate) filter: RedriveFilter,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Operation for Redrive {
    type Output = usize;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<usize, Failure> {
        let filter = &self.filter;
        let chosen: Vec<(i64, String, String)> = sqlx::query_as(include_str!("queries/redrive_choose.sql"))
            .bind(filter.deliveries.as_ref().map(crate::json::<Vec<DeliveryId>>).transpose()?)
            .bind(filter.handler.as_ref().map(HandlerName::as_str))
            .bind(filter.target.as_ref().map(Target::as_str))
            .bind(filter.organization_id.as_deref())
            .bind(crate::count(filter.limit))
            .fetch_all(&mut *connection)
            .await?;
        let ids: Vec<i64> = chosen.iter().map(|(id, ..)| *id).collect();
        let mut touched = Touched::default();
        chosen.iter().for_each(|(_, handler, target)| touched.add(handler, target));
        sqlx::query(include_str!("queries/redrive.sql"))
            .bind(crate::json(&ids)?)
            .bind(self.now.as_microsecond())
            .execute(&mut *connection)
            .await?;
        sqlx::query(include_str!("queries/redrive_enable.sql")).bind(touched.json()?).execute(&mut *connection).await?;
        touched.schedule(connection).await?;
        Ok(ids.len())
    }
}
