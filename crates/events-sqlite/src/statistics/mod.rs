//! Statistics: counts by day, and what was not counted yet.

mod changes;
mod rows;

use async_trait::async_trait;
use events_core::{
    HandlerName, StoreError,
    ports::{
        Counted, CountingStep, Position, Statistics, StatisticsOf, StatisticsQuery, SubscriptionCounts, Uncounted,
    },
    statistics::{AttemptGroup, Day, EventGroup},
};

use crate::store::SqliteStore;

#[async_trait]
impl Statistics for SqliteStore {
    async fn uncounted(&self, handlers: &[HandlerName], limit: usize) -> Result<Uncounted, StoreError> {
        let part = self.part(None, limit).await?;
        let attempts = self.attempt_groups(&part, handlers, &StatisticsOf::All).await?;
        Ok(Uncounted { attempts, events: self.event_groups(&part, None).await?, ..part })
    }

    async fn count(&self, step: CountingStep) -> Result<bool, StoreError> {
        self.writer.run(changes::Count(step)).await
    }

    async fn counted(&self, query: &StatisticsQuery) -> Result<Counted, StoreError> {
        let (scope, names, whose) = match &query.of {
            StatisticsOf::All => ("all", vec![""], Some("")),
            StatisticsOf::Organization(it) => ("organization", vec![it.as_str()], Some(it.as_str())),
            StatisticsOf::Targets(targets) => ("target", targets.iter().map(|it| it.as_str()).collect(), None),
        };
        let names = crate::json(&names).map_err(|failure| failure.undone())?;
        let asked = sqlx::query(include_str!("../queries/statistics_counted.sql"))
            .bind(query.handler.as_str())
            .bind(scope)
            .bind(names)
            .bind(query.since.0)
            .bind(whose);
        let of_targets = query.of.is_targets();
        let rows = self.reader.all(asked, |row| rows::counted(row, of_targets)).await?;
        let mut counted = Counted::default();
        for row in rows {
            match row {
                rows::Row::Attempts(target, day, tally) => counted.attempts.push((target, day, tally)),
                rows::Row::Events(day, count) => counted.events.push((day, count)),
                rows::Row::Position(position) => counted.position = position,
            }
        }
        Ok(counted)
    }

    async fn rest(&self, query: &StatisticsQuery, after: Position, limit: usize) -> Result<Uncounted, StoreError> {
        let part = self.part(Some(after), limit).await?;
        let attempts = self.attempt_groups(&part, std::slice::from_ref(&query.handler), &query.of).await?;
        let events = match &query.of {
            StatisticsOf::All => self.event_groups(&part, None).await?,
            StatisticsOf::Organization(it) => self.event_groups(&part, Some(it)).await?,
            StatisticsOf::Targets(_) => Vec::new(),
        };
        Ok(Uncounted { attempts, events, ..part })
    }

    async fn subscription_counts(&self, organization_id: Option<&str>) -> Result<SubscriptionCounts, StoreError> {
        let asked = sqlx::query(include_str!("../queries/statistics_subscriptions.sql")).bind(organization_id);
        self.reader.one(asked, rows::subscription_counts).await
    }

    async fn forget(&self, before: Day, limit: usize) -> Result<usize, StoreError> {
        self.writer.run(changes::Forget { before, limit }).await
    }
}

impl SqliteStore {
    /// Where the part after a position, or after what was counted, ends. What is in it is to be read yet.
    async fn part(&self, after: Option<Position>, limit: usize) -> Result<Uncounted, StoreError> {
        let asked = sqlx::query(include_str!("../queries/statistics_part.sql"))
            .bind(after.map(|after| after.attempts))
            .bind(after.map(|after| after.events))
            .bind(crate::count(limit));
        self.reader.one(asked, rows::part).await
    }

    /// Attempts of a part, of these handlers.
    async fn attempt_groups(
        &self,
        part: &Uncounted,
        handlers: &[HandlerName],
        of: &StatisticsOf,
    ) -> Result<Vec<AttemptGroup>, StoreError> {
        if part.from.attempts == part.to.attempts {
            return Ok(Vec::new());
        }
        let (organization_id, targets) = match of {
            StatisticsOf::All => (None, None),
            StatisticsOf::Organization(it) => (Some(it.as_str()), None),
            StatisticsOf::Targets(targets) => (None, Some(crate::json(targets))),
        };
        let given = crate::json(handlers).and_then(|handlers| Ok((handlers, targets.transpose()?)));
        let (handlers, targets) = given.map_err(|failure| failure.undone())?;
        let asked = sqlx::query(include_str!("../queries/statistics_attempts.sql"))
            .bind(part.from.attempts)
            .bind(part.to.attempts)
            .bind(handlers)
            .bind(organization_id)
            .bind(targets);
        self.reader.all(asked, rows::attempt_group).await
    }

    /// Events of a part, of all or of one organization.
    async fn event_groups(
        &self,
        part: &Uncounted,
        organization_id: Option<&str>,
    ) -> Result<Vec<EventGroup>, StoreError> {
        if part.from.events == part.to.events {
            return Ok(Vec::new());
        }
        let asked = sqlx::query(include_str!("../queries/statistics_events.sql"))
            .bind(part.from.events)
            .bind(part.to.events)
            .bind(organization_id);
        self.reader.all(asked, rows::event_group).await
    }
}
