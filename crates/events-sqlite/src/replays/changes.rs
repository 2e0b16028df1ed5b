//! Changes of jobs, and the deliveries that are made again.

use async_trait::async_trait;
use events_core::{
    DeliveryId, HandlerName,
    ports::{ReplayEnd, ReplayStep, Resend, ResendOutcome, Resent},
    webhooks::{Replay, ReplayId},
};
use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteConnection};

use super::rows;
use crate::{error::Failure, operation::Operation, schedule::Touched};

/// Has one delivery made again.
pub(super) struct Again {
    pub(super) wanted: Resend,
    pub(super) now: Timestamp,
}

#[async_trait]
impl Operation for Again {
    type Output = Option<Resent>;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Option<Resent>, Failure> {
        let Self { wanted, now } = self;
        let found: Option<(String, i64, String, String)> = sqlx::query_as(include_str!("../queries/resend_find.sql"))
            .bind(wanted.delivery_id.0)
            .bind(wanted.handler.as_ref().map(HandlerName::as_str))
            .bind(wanted.organization_id.as_deref())
            .fetch_optional(&mut *connection)
            .await?;
        let Some((word, seq, handler, target)) = found else { return Ok(None) };
        let mut resent = Resent { outcome: ResendOutcome::UnderWay, delivery_id: wanted.delivery_id };
        match &*word {
            "made_due" => {
                let due = sqlx::query(include_str!("../queries/resend_due.sql")).bind(wanted.delivery_id.0);
                due.bind(now.as_microsecond()).execute(&mut *connection).await?;
                resent.outcome = ResendOutcome::MadeDue;
            }
            "redriven" => {
                bring_back(connection, &[wanted.delivery_id.0], *now).await?;
                resent.outcome = ResendOutcome::Redriven;
            }
            "made_anew" => {
                let made = deliver(connection, &[seq], &handler, &target, *now).await?;
                let Some(delivery_id) = made.first() else { return Ok(None) };
                resent = Resent { outcome: ResendOutcome::MadeAnew, delivery_id: *delivery_id };
            }
            _ => return Ok(Some(resent)),
        }
        schedule(connection, &handler, &target).await?;
        Ok(Some(resent))
    }
}

/// Turns dead letters back into deliveries that are due now.
async fn bring_back(connection: &mut SqliteConnection, ids: &[i64], now: Timestamp) -> Result<(), Failure> {
    let redrive = sqlx::query(include_str!("../queries/redrive.sql")).bind(crate::json(ids)?);
    redrive.bind(now.as_microsecond()).execute(connection).await?;
    Ok(())
}

/// Makes new deliveries of events that are due now.
async fn deliver(
    connection: &mut SqliteConnection,
    seqs: &[i64],
    handler: &str,
    target: &str,
    now: Timestamp,
) -> Result<Vec<DeliveryId>, Failure> {
    let made = sqlx::query(include_str!("../queries/replays_deliver.sql"))
        .bind(crate::json(seqs)?)
        .bind(handler)
        .bind(target)
        .bind(now.as_microsecond())
        .fetch_all(connection)
        .await?;
    made.iter().map(|row| Ok(DeliveryId(row.try_get(0)?))).collect()
}

async fn schedule(connection: &mut SqliteConnection, handler: &str, target: &str) -> Result<(), Failure> {
    let mut touched = Touched::default();
    touched.add(handler, target);
    touched.schedule(connection).await
}

/// Stores a job.
pub(super) struct Start(pub(super) Replay);

#[async_trait]
impl Operation for Start {
    type Output = bool;

    fn commits_itself(&self) -> bool {
        true
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<bool, Failure> {
        let start = rows::bind(sqlx::query(include_str!("../queries/replays_start.sql")), &self.0)?;
        Ok(start.fetch_optional(connection).await?.is_some())
    }
}

/// Makes a step of a job.
pub(super) struct Step(pub(super) ReplayStep);

#[async_trait]
impl Operation for Step {
    type Output = Option<Replay>;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Option<Replay>, Failure> {
        let step = &self.0;
        let (handler, target) = (step.handler.as_str(), step.target.as_str());
        let number: Option<i64> = sqlx::query_scalar(include_str!("../queries/replays_find_step.sql"))
            .bind(step.replay_id.as_uuid().as_bytes().as_slice())
            .bind(step.from)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(number) = number else { return Ok(None) };
        let letters: Vec<i64> = sqlx::query_scalar(include_str!("../queries/replays_letters.sql"))
            .bind(crate::json(&step.dead_letters)?)
            .bind(handler)
            .bind(target)
            .fetch_all(&mut *connection)
            .await?;
        bring_back(connection, &letters, step.now).await?;
        let seqs: Vec<i64> = step.events.iter().map(|seq| seq.0).collect();
        let made = deliver(connection, &seqs, handler, target, step.now).await?.len() + letters.len();
        if made > 0 {
            schedule(connection, handler, target).await?;
        }
        let moved = sqlx::query(include_str!("../queries/replays_step.sql"))
            .bind(number)
            .bind(step.to)
            .bind(step.now.as_microsecond())
            .bind(crate::count(made))
            .bind(step.is_last)
            .fetch_optional(connection)
            .await?;
        moved.as_ref().map(rows::replay).transpose()
    }
}

/// Ends a job before it is done.
pub(super) struct End {
    pub(super) replay_id: ReplayId,
    pub(super) organization_id: Option<String>,
    pub(super) end: ReplayEnd,
}

#[async_trait]
impl Operation for End {
    type Output = Option<Replay>;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Option<Replay>, Failure> {
        let replay_id = self.replay_id.as_uuid().as_bytes().as_slice();
        let ended = sqlx::query(include_str!("../queries/replays_end.sql"))
            .bind(replay_id)
            .bind(self.organization_id.as_deref())
            .bind(self.end.state.as_str())
            .bind(self.end.reason.as_deref())
            .bind(self.end.at.as_microsecond())
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = ended {
            return rows::replay(&row).map(Some);
        }
        let current = sqlx::query(include_str!("../queries/replays_find.sql"))
            .bind(replay_id)
            .bind(self.organization_id.as_deref())
            .fetch_optional(connection)
            .await?;
        current.as_ref().map(rows::replay).transpose()
    }
}
