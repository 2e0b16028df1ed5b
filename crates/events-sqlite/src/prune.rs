//! Removing what has been kept long enough.

use async_trait::async_trait;
use events_core::ports::{PruneRequest, Pruned};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::{error::Failure, operation::Operation};

/// Removes old attempts, dead letters and keys.
pub(crate) struct Prune(pub(crate) PruneRequest);

#[async_trait]
impl Operation for Prune {
    type Output = Pruned;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Pruned, Failure> {
        let Self(request) = self;
        let pruned = Pruned {
            attempts: self
                .remove(connection, include_str!("queries/prune_attempts.sql"), request.attempts_before)
                .await?,
            dead_letters: self
                .remove(connection, include_str!("queries/prune_dead_letters.sql"), request.dead_letters_before)
                .await?,
            keys: self.remove(connection, include_str!("queries/prune_keys.sql"), request.keys_before).await?,
        };
        if pruned.attempts > 0 {
            sqlx::query(include_str!("queries/prune_position.sql")).execute(connection).await?;
        }
        Ok(pruned)
    }
}

impl Prune {
    async fn remove(
        &self,
        connection: &mut SqliteConnection,
        text: &'static str,
        before: Timestamp,
    ) -> Result<usize, Failure> {
        let done = sqlx::query(text)
            .bind(before.as_microsecond())
            .bind(crate::count(self.0.limit))
            .execute(connection)
            .await?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}
