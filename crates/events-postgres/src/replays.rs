//! Deliveries that are made again: one, or many by a job.

use std::str::FromStr;

use async_trait::async_trait;
use events_core::{
    DeliveryId, HandlerName, StoreError,
    ports::{Page, ReplayEnd, ReplayQuery, ReplayStep, Replays, Resend, ResendOutcome, Resent},
    webhooks::{Replay, ReplayId, SubscriptionId},
};
use jiff::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};

use crate::{arguments, error::Failure, history::Filters, rows::Cells, store::PgStore, time::Time};

#[async_trait]
impl Replays for PgStore {
    async fn resend(&self, wanted: Resend, now: Timestamp) -> Result<Option<Resent>, StoreError> {
        let resent = async {
            let values = arguments![
                wanted.delivery_id.0,
                wanted.handler.as_ref().map(HandlerName::as_str),
                wanted.organization_id.as_deref(),
                Time(now),
            ];
            let rows = self.database.change(include_str!("queries/resend.sql"), values).await?;
            let Some(row) = rows.first() else { return Ok(None) };
            let cells = Cells::of(row, "deliveries", "delivery_id");
            let outcome = cells.parse("outcome", outcome)?;
            if outcome != ResendOutcome::UnderWay {
                self.notifier.handlers([cells.get::<&str>("handler")?]);
            }
            Ok(Some(Resent { outcome, delivery_id: DeliveryId(cells.get("delivery_id")?) }))
        };
        resent.await.map_err(|failure: Failure| failure.of_commit())
    }

    async fn start(&self, replay: Replay) -> Result<bool, StoreError> {
        let started = async { self.database.change(include_str!("queries/replays_start.sql"), values(&replay)?).await };
        started.await.map(|rows| !rows.is_empty()).map_err(|failure| failure.of_commit())
    }

    async fn replay(&self, replay_id: ReplayId, organization_id: Option<&str>) -> Result<Option<Replay>, StoreError> {
        let values = crate::given(|| Ok(arguments![*replay_id.as_uuid(), organization_id]))?;
        let rows = self.database.look(include_str!("queries/replays_find.sql"), values).await?;
        rows.first().map(replay_of).transpose().map_err(|failure| failure.undone())
    }

    async fn replays(&self, query: ReplayQuery) -> Result<Page<Replay>, StoreError> {
        let filters = list_filters(&query).map_err(|failure| failure.undone())?;
        let page = filters.page(&self.database, query.page.limit, numbered, |(number, _)| *number).await?;
        Ok(Page { items: page.items.into_iter().map(|(_, replay)| replay).collect(), next: page.next })
    }

    async fn step(&self, step: ReplayStep) -> Result<Option<Replay>, StoreError> {
        let made = async {
            let values = arguments![
                *step.replay_id.as_uuid(),
                step.from,
                step.to,
                Time(step.now),
                step.is_last,
                step.handler.as_str(),
                step.target.as_str(),
                step.events.iter().map(|seq| seq.0).collect::<Vec<_>>(),
                step.dead_letters.iter().map(|id| id.0).collect::<Vec<_>>(),
            ];
            let rows = self.database.change(include_str!("queries/replays_step.sql"), values).await?;
            if !rows.is_empty() {
                self.notifier.handlers([step.handler.as_str()]);
            }
            rows.first().map(replay_of).transpose()
        };
        made.await.map_err(|failure| failure.of_commit())
    }

    async fn end(
        &self,
        replay_id: ReplayId,
        organization_id: Option<&str>,
        end: ReplayEnd,
    ) -> Result<Option<Replay>, StoreError> {
        let ended = async {
            let (state, reason) = (end.state.as_str(), end.reason.as_deref());
            let values = arguments![*replay_id.as_uuid(), organization_id, state, reason, Time(end.at)];
            let rows = self.database.change(include_str!("queries/replays_end.sql"), values).await?;
            rows.first().map(replay_of).transpose()
        };
        match ended.await.map_err(|failure| failure.of_commit())? {
            Some(ended) => Ok(Some(ended)),
            None => self.replay(replay_id, organization_id).await,
        }
    }
}

fn outcome(word: &str) -> Result<ResendOutcome, String> {
    Ok(match word {
        "redriven" => ResendOutcome::Redriven,
        "made_anew" => ResendOutcome::MadeAnew,
        "made_due" => ResendOutcome::MadeDue,
        "under_way" => ResendOutcome::UnderWay,
        other => return Err(format!("`{other}` is no outcome")),
    })
}

fn list_filters(query: &ReplayQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("queries/replays_list.sql"), &query.page)?;
    filters.and("number < {}", query.page.cursor)?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    filters.and("subscription_id = {}", query.subscription_id.map(|id| *id.as_uuid()))?;
    if let Some(state) = query.state {
        // In words, so that the index of those that run is used.
        filters.and_condition(&format!("state = '{}'", state.as_str()));
    }
    Ok(filters)
}

fn values(it: &Replay) -> Result<PgArguments, Failure> {
    Ok(arguments![
        *it.replay_id.as_uuid(),
        it.kind.as_str(),
        it.organization_id.as_deref(),
        *it.subscription_id.as_uuid(),
        serde_json::to_string(&it.event_types).map_err(|error| Failure::encode(error.into()))?,
        Time(it.since),
        Time(it.until),
        i64::from(it.rate),
        it.state.as_str(),
        it.reason.as_deref(),
        it.first,
        it.position,
        it.last,
        it.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)),
        i64::try_from(it.made).unwrap_or(i64::MAX),
        it.created_by.as_str(),
        Time(it.created_at),
        Time(it.updated_at),
        it.ended_at.map(Time),
    ])
}

/// A row of `replays` with its place in the list.
fn numbered(row: &PgRow) -> Result<(i64, Replay), Failure> {
    Ok((Cells::of(row, "replays", "number").get("number")?, replay_of(row)?))
}

/// A row of `replays`.
fn replay_of(row: &PgRow) -> Result<Replay, Failure> {
    let cells = Cells::of(row, "replays", "number");
    Ok(Replay {
        replay_id: ReplayId::from_uuid(cells.get("replay_id")?),
        kind: cells.parse("kind", FromStr::from_str)?,
        organization_id: cells.get("organization_id")?,
        subscription_id: SubscriptionId::from_uuid(cells.get("subscription_id")?),
        event_types: cells.json("event_types", serde_json::from_str)?,
        since: cells.time("since")?,
        until: cells.time("until")?,
        rate: cells.number("rate")?,
        state: cells.parse("state", FromStr::from_str)?,
        reason: cells.get("reason")?,
        first: cells.get("first_position")?,
        position: cells.get("position")?,
        last: cells.get("last_position")?,
        total: cells.optional_big_number("total")?,
        made: cells.number("made")?,
        created_by: cells.get("created_by")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
        ended_at: cells.optional_time("ended_at")?,
    })
}
