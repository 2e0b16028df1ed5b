//! Who leads which task. One process has the file, so its first candidate always leads.

use std::time::Duration;

use async_trait::async_trait;
use events_core::{StoreError, ports::Leadership};
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::{error::Failure, operation::Operation, store::SqliteStore};

#[async_trait]
impl Leadership for SqliteStore {
    async fn lead(&self, task: &str, candidate: &str, term: Duration, now: Timestamp) -> Result<bool, StoreError> {
        self.writer.run(Lead { task: task.to_owned(), candidate: candidate.to_owned(), term, now }).await
    }

    async fn resign(&self, task: &str, candidate: &str) -> Result<(), StoreError> {
        self.writer.run(Resign { task: task.to_owned(), candidate: candidate.to_owned() }).await
    }
}

struct Lead {
    task: String,
    candidate: String,
    term: Duration,
    now: Timestamp,
}

#[async_trait]
impl Operation for Lead {
    type Output = bool;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let term = SignedDuration::try_from(self.term).unwrap_or(SignedDuration::MAX);
        let until = self.now.checked_add(term).unwrap_or(Timestamp::MAX);
        let led = sqlx::query(include_str!("queries/lead.sql"))
            .bind(self.task.as_str())
            .bind(self.candidate.as_str())
            .bind(until.as_microsecond())
            .bind(self.now.as_microsecond())
            .execute(connection)
            .await?;
        Ok(led.rows_affected() == 1)
    }
}

struct Resign {
    task: String,
    candidate: String,
}

#[async_trait]
impl Operation for Resign {
    type Output = ();

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let resign = sqlx::query(include_str!("queries/resign.sql"));
        resign.bind(self.task.as_str()).bind(self.candidate.as_str()).execute(connection).await?;
        Ok(())
    }
}
