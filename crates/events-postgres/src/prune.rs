//! Removing what has been kept long enough.

use events_core::{
    StoreError,
    ports::{PruneRequest, Pruned},
};
use jiff::Timestamp;
use sqlx::Row;

use crate::{arguments, database::Database, error::Failure, partitions, time::Time};

/// Removes old attempts, dead letters and keys, and forgets targets that nothing is known about.
///
/// Each kind is removed by a statement of its own, so that none waits for the others. Whoever goes away
/// in between leaves as much as a smaller limit would.
pub(crate) async fn prune(database: &Database, request: PruneRequest) -> Result<Pruned, StoreError> {
    let dropped = match partitions::look_after(database, request.attempts_before).await {
        Ok(dropped) => dropped,
        Err(error) => {
            // A lock that somebody holds, mostly. What can be removed row by row is not held up by it.
            tracing::warn!("Partitions are looked after at the next maintenance: {error}");
            0
        }
    };
    let removed = async {
        let attempts = attempts(database, request.attempts_before, request.limit).await?;
        let letters = include_str!("queries/prune_dead_letters.sql");
        let keys = include_str!("queries/prune_keys.sql");
        let pruned = Pruned {
            attempts: dropped + attempts,
            dead_letters: remove(database, letters, request.dead_letters_before, request.limit).await?,
            keys: remove(database, keys, request.keys_before, request.limit).await?,
        };
        remove(database, include_str!("queries/forget.sql"), request.keys_before, request.limit).await?;
        Ok(pruned)
    };
    removed.await.map_err(|failure: Failure| failure.of_commit())
}

async fn remove(database: &Database, text: &'static str, before: Timestamp, limit: usize) -> Result<usize, Failure> {
    let values = arguments![Time(before), crate::count(limit)];
    counted(&database.change(text, values).await?)
}

/// From small partitions; large ones are dropped as a whole.
async fn attempts(database: &Database, before: Timestamp, limit: usize) -> Result<usize, Failure> {
    let mut removed = 0;
    for partition in partitions::of(database, "attempts").await? {
        if removed < limit && partition.is_small() {
            let name = database.schema.table(&partition.name);
            let text = include_str!("queries/prune_attempts.sql").replace("{partition}", &name);
            let values = arguments![Time(before), crate::count(limit - removed)];
            removed += counted(&database.change_with(text, values).await?)?;
        }
    }
    Ok(removed)
}

fn counted(rows: &[sqlx::postgres::PgRow]) -> Result<usize, Failure> {
    let Some(row) = rows.first() else { return Ok(0) };
    Ok(usize::try_from(row.try_get::<i64, _>("removed")?).unwrap_or_default())
}
