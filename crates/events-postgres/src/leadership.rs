//! Who leads a task among the processes that share the database.

use std::time::Duration;

use async_trait::async_trait;
use events_core::{StoreError, ports::Leadership};
use jiff::{SignedDuration, Timestamp};

use crate::{arguments, store::PgStore, time::Time};

#[async_trait]
impl Leadership for PgStore {
    async fn lead(&self, task: &str, candidate: &str, term: Duration, now: Timestamp) -> Result<bool, StoreError> {
        let term = SignedDuration::try_from(term).unwrap_or(SignedDuration::MAX);
        let until = now.checked_add(term).unwrap_or(Timestamp::MAX);
        let led = async {
            let values = arguments![task, candidate, Time(until), Time(now)];
            self.database.change(include_str!("queries/lead.sql"), values).await
        };
        led.await.map(|led| !led.is_empty()).map_err(|failure| failure.of_commit())
    }

    async fn resign(&self, task: &str, candidate: &str) -> Result<(), StoreError> {
        let resigned = async {
            let values = arguments![task, candidate];
            self.database.change(include_str!("queries/resign.sql"), values).await
        };
        resigned.await.map(drop).map_err(|failure| failure.of_commit())
    }
}
