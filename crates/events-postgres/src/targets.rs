//! Targets that rest.

use async_trait::async_trait;
use events_core::{
    HandlerName, Target,
    delivery::TargetEffect,
    ports::{StoreError, TargetState, TargetStates},
};
use jiff::Timestamp;
use sqlx::postgres::PgRow;

use crate::{arguments, error::Failure, rows::Cells, store::PgStore, time::Time};

#[async_trait]
impl TargetStates for PgStore {
    async fn troubled(&self, now: Timestamp) -> Result<Vec<TargetState>, StoreError> {
        let values = crate::given(|| Ok(arguments![Time(now)]))?;
        let rows = self.database.look(include_str!("queries/troubled.sql"), values).await?;
        rows.iter().map(target_state).collect::<Result<_, _>>().map_err(|failure| failure.undone())
    }

    async fn resume(
        &self,
        handler: &HandlerName,
        target: Option<&Target>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let resumed = async {
            let values = arguments![handler.as_str(), target.map(Target::as_str), Time(now)];
            let rows = self.database.change(include_str!("queries/resume.sql"), values).await?;
            if !rows.is_empty() {
                self.notifier.handlers([handler.as_str()]);
            }
            Ok(rows.len())
        };
        resumed.await.map_err(|failure: Failure| failure.of_commit())
    }

    async fn rest(
        &self,
        handler: &HandlerName,
        target: &Target,
        effect: TargetEffect,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (paused_until, disabled) = match &effect {
            TargetEffect::PauseUntil(until) => (Some(Time(*until)), None),
            TargetEffect::Disable(reason) => (None, Some(reason.as_str())),
        };
        let rested = async {
            let disabled_at = disabled.map(|_| Time(now));
            let values = arguments![handler.as_str(), target.as_str(), paused_until, disabled_at, disabled];
            self.database.change(include_str!("queries/rest.sql"), values).await
        };
        rested.await.map(drop).map_err(|failure: Failure| failure.of_commit())
    }
}

fn target_state(row: &PgRow) -> Result<TargetState, Failure> {
    let cells = Cells::of(row, "target_states", "target");
    Ok(TargetState {
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        paused_until: cells.optional_time("paused_until")?,
        disabled_at: cells.optional_time("disabled_at")?,
        reason: cells.get("disabled_reason")?,
        waiting: cells.number("waiting")?,
    })
}
