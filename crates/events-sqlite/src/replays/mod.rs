//! Deliveries that are made again: one, or many by a job.

mod changes;
mod rows;

use async_trait::async_trait;
use events_core::{
    StoreError,
    ports::{Page, ReplayEnd, ReplayQuery, ReplayStep, Replays, Resend, Resent},
    webhooks::{Replay, ReplayId},
};
use jiff::Timestamp;

use crate::{error::Failure, history::Filters, store::SqliteStore};

#[async_trait]
impl Replays for SqliteStore {
    async fn resend(&self, wanted: Resend, now: Timestamp) -> Result<Option<Resent>, StoreError> {
        self.writer.run(changes::Again { wanted, now }).await
    }

    async fn start(&self, replay: Replay) -> Result<bool, StoreError> {
        self.writer.run(changes::Start(replay)).await
    }

    async fn replay(&self, replay_id: ReplayId, organization_id: Option<&str>) -> Result<Option<Replay>, StoreError> {
        let query = sqlx::query(include_str!("../queries/replays_find.sql"))
            .bind(replay_id.as_uuid().as_bytes().as_slice())
            .bind(organization_id);
        Ok(self.reader.all(query, rows::replay).await?.pop())
    }

    async fn replays(&self, query: ReplayQuery) -> Result<Page<Replay>, StoreError> {
        let filters = list_filters(&query).map_err(|failure| failure.undone())?;
        let page = filters.page(&self.reader, query.page.limit, rows::numbered, |(number, _)| *number).await?;
        Ok(Page { items: page.items.into_iter().map(|(_, replay)| replay).collect(), next: page.next })
    }

    async fn step(&self, step: ReplayStep) -> Result<Option<Replay>, StoreError> {
        self.writer.run(changes::Step(step)).await
    }

    async fn end(
        &self,
        replay_id: ReplayId,
        organization_id: Option<&str>,
        end: ReplayEnd,
    ) -> Result<Option<Replay>, StoreError> {
        let organization_id = organization_id.map(str::to_owned);
        self.writer.run(changes::End { replay_id, organization_id, end }).await
    }
}

fn list_filters(query: &ReplayQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/replays_list.sql"), &query.page)?;
    filters.and("number < {}", query.page.cursor)?;
    filters.and("organization_id = {}", query.organization_id.as_deref())?;
    let subscription_id = query.subscription_id.as_ref().map(|id| id.as_uuid().as_bytes().as_slice());
    filters.and("subscription_id = {}", subscription_id)?;
    if let Some(state) = query.state {
        // In words, so that the index of those that run is used.
        filters.and_condition(&format!("state = '{}'", state.as_str()));
    }
    Ok(filters)
}
