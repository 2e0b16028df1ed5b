//! Counting a step, and forgetting old counts.

use async_trait::async_trait;
use events_core::{
    ports::CountingStep,
    statistics::{Counts, Day, Latencies},
};
use serde_json::{Value, json};
use sqlx::{Row, sqlite::SqliteConnection};

use super::rows;
use crate::{error::Failure, operation::Operation};

/// Adds counts and moves the position.
pub(super) struct Count(pub(super) CountingStep);

#[async_trait]
impl Operation for Count {
    type Output = bool;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let CountingStep { from, to, counts } = &self.0;
        let moved = sqlx::query(include_str!("../queries/statistics_move.sql"))
            .bind(from.attempts)
            .bind(from.events)
            .bind(to.attempts)
            .bind(to.events)
            .execute(&mut *connection)
            .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        add_attempts(connection, counts).await?;
        if !counts.events.is_empty() {
            let events = counts.events.iter().map(|((whose, day), count)| {
                let whose = whose.as_deref().unwrap_or_default();
                (whose, day.0, count)
            });
            let events = crate::json(&events.collect::<Vec<_>>())?;
            sqlx::query(include_str!("../queries/statistics_add_events.sql")).bind(events).execute(connection).await?;
        }
        Ok(true)
    }
}

/// Numbers are added by SQLite, latencies here: what is there is read first, and nobody writes in between.
async fn add_attempts(connection: &mut SqliteConnection, counts: &Counts) -> Result<(), Failure> {
    if counts.attempts.is_empty() {
        return Ok(());
    }
    let keys: Vec<_> =
        counts.attempts.keys().map(|(handler, scope, day)| (handler, scope.word(), scope.name(), day.0)).collect();
    let known = sqlx::query(include_str!("../queries/statistics_latencies.sql"))
        .bind(crate::json(&keys)?)
        .fetch_all(&mut *connection)
        .await?;
    let mut latencies: Vec<Latencies> = counts.attempts.values().map(|tally| tally.latencies.clone()).collect();
    for row in &known {
        let stored = rows::latencies(row.try_get("latencies")?)
            .map_err(|error| Failure::Corrupt(format!("attempt_counts.latencies: {error}")))?;
        let place = usize::try_from(row.try_get::<i64, _>("place")?).unwrap_or(usize::MAX);
        if let Some(latencies) = latencies.get_mut(place) {
            latencies.merge(&stored);
        }
    }
    let rows = keys.iter().zip(counts.attempts.values()).zip(latencies);
    let rows = rows.map(|((key, tally), latencies)| {
        let (handler, scope, name, day) = key;
        json!([
            handler,
            scope,
            name,
            day,
            tally.succeeded,
            tally.failed,
            tally.dead,
            tally.dropped,
            tally.retries,
            tally.duration_ms,
            latencies.groups(),
        ])
    });
    let rows = crate::json(&rows.collect::<Vec<Value>>())?;
    sqlx::query(include_str!("../queries/statistics_add_attempts.sql")).bind(rows).execute(connection).await?;
    Ok(())
}

/// Removes counts of days before a day.
pub(super) struct Forget {
    pub(super) before: Day,
    pub(super) limit: usize,
}

#[async_trait]
impl Operation for Forget {
    type Output = usize;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<usize, Failure> {
        let mut forgotten = 0;
        for text in [
            include_str!("../queries/statistics_forget_attempts.sql"),
            include_str!("../queries/statistics_forget_events.sql"),
        ] {
            let limit = crate::count(self.limit);
            let done = sqlx::query(text).bind(self.before.0).bind(limit).execute(&mut *connection).await?;
            forgotten += usize::try_from(done.rows_affected()).unwrap_or(usize::MAX);
        }
        Ok(forgotten)
    }
}
