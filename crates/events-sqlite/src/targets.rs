//! Targets that rest.

use async_trait::async_trait;
use events_core::{
    HandlerName, Target,
    delivery::TargetEffect,
    ports::{StoreError, TargetState, TargetStates},
};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::{error::Failure, operation::Operation, rows::Cells, schedule::Touched, store::SqliteStore};

#[async_trait]
impl TargetStates for SqliteStore {
    async fn troubled(&self, now: Timestamp) -> Result<Vec<TargetState>, StoreError> {
        let query = sqlx::query(include_str!("queries/troubled.sql")).bind(now.as_microsecond());
        self.reader.all(query, target_state).await
    }

    async fn resume(
        &self,
        handler: &HandlerName,
        target: Option<&Target>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.writer.run(Resume { handler: handler.clone(), target: target.cloned(), now }).await
    }

    async fn rest(
        &self,
        handler: &HandlerName,
        target: &Target,
        effect: TargetEffect,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.writer.run(Rest { handler: handler.clone(), target: target.clone(), effect, now }).await
    }
}

struct Resume {
    handler: HandlerName,
    target: Option<Target>,
    now: Timestamp,
}

#[async_trait]
impl Operation for Resume {
    type Output = usize;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<usize, Failure> {
        let mended: Vec<(String, String)> = sqlx::query_as(include_str!("queries/resume.sql"))
            .bind(self.handler.as_str())
            .bind(self.target.as_ref().map(Target::as_str))
            .bind(self.now.as_microsecond())
            .fetch_all(&mut *connection)
            .await?;
        let mut touched = Touched::default();
        mended.iter().for_each(|(handler, target)| touched.add(handler, target));
        touched.schedule(connection).await?;
        Ok(mended.len())
    }
}

struct Rest {
    handler: HandlerName,
    target: Target,
    effect: TargetEffect,
    now: Timestamp,
}

#[async_trait]
impl Operation for Rest {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let (paused_until, disabled) = match &self.effect {
            TargetEffect::PauseUntil(until) => (Some(until.as_microsecond()), None),
            TargetEffect::Disable(reason) => (None, Some(reason.as_str())),
        };
        sqlx::query(include_str!("queries/rest.sql"))
            .bind(self.handler.as_str())
            .bind(self.target.as_str())
            .bind(paused_until)
            .bind(disabled.map(|_| self.now.as_microsecond()))
            .bind(disabled)
            .execute(&mut *connection)
            .await?;
        let mut touched = Touched::default();
        touched.add(self.handler.as_str(), self.target.as_str());
        touched.schedule(connection).await
    }
}

fn target_state(row: &SqliteRow) -> Result<TargetState, Failure> {
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
