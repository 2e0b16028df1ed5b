//! Statistics: counts by day, and what was not counted yet.

mod rows;
mod settled;

use async_trait::async_trait;
use events_core::{
    HandlerName, StoreError,
    ports::{
        Counted, CountingStep, Position, Statistics, StatisticsOf, StatisticsQuery, SubscriptionCounts, Uncounted,
    },
    statistics::{AttemptGroup, Day, EventGroup},
};
use sqlx::Row;

pub(crate) use self::settled::Settled;
use crate::{arguments, error::Failure, store::PgStore};

#[async_trait]
impl Statistics for PgStore {
    async fn uncounted(&self, handlers: &[HandlerName], limit: usize) -> Result<Uncounted, StoreError> {
        let Drawn { position: from, last } = self.drawn().await?;
        let settled = self.settled.up_to(&self.database, from, last).await?;
        let part = part(from, settled, last, limit);
        let attempts = self.attempt_groups(&part, handlers, &StatisticsOf::All).await?;
        Ok(Uncounted { attempts, events: self.event_groups(&part, None).await?, ..part })
    }

    async fn count(&self, step: CountingStep) -> Result<bool, StoreError> {
        let counted = async {
            let values = rows::step_values(&step)?;
            self.database.change(include_str!("../queries/statistics_count.sql"), values).await
        };
        counted.await.map(|moved| !moved.is_empty()).map_err(|failure| failure.of_commit())
    }

    async fn counted(&self, query: &StatisticsQuery) -> Result<Counted, StoreError> {
        let (scope, names, whose) = match &query.of {
            StatisticsOf::All => ("all", vec![""], Some("")),
            StatisticsOf::Organization(it) => ("organization", vec![it.as_str()], Some(it.as_str())),
            StatisticsOf::Targets(targets) => ("target", targets.iter().map(|it| it.as_str()).collect(), None),
        };
        let values = crate::given(|| Ok(arguments![query.handler.as_str(), scope, names, query.since.0, whose]))?;
        let text = self.database.schema.statement(include_str!("../queries/statistics_counted.sql"));
        let of_targets = query.of.is_targets();
        let mut counted = Counted::default();
        for row in self.database.read(text, values).await? {
            match rows::counted(&row, of_targets).map_err(|failure| failure.undone())? {
                rows::Row::Attempts(target, day, tally) => counted.attempts.push((target, day, tally)),
                rows::Row::Events(day, count) => counted.events.push((day, count)),
                rows::Row::Position(position) => counted.position = position,
            }
        }
        Ok(counted)
    }

    async fn rest(&self, query: &StatisticsQuery, after: Position, limit: usize) -> Result<Uncounted, StoreError> {
        let Drawn { last, .. } = self.drawn().await?;
        let part = part(after, last, last, limit);
        let attempts = self.attempt_groups(&part, std::slice::from_ref(&query.handler), &query.of).await?;
        let events = match &query.of {
            StatisticsOf::All => self.event_groups(&part, None).await?,
            StatisticsOf::Organization(it) => self.event_groups(&part, Some(it)).await?,
            StatisticsOf::Targets(_) => Vec::new(),
        };
        Ok(Uncounted { attempts, events, ..part })
    }

    async fn subscription_counts(&self, organization_id: Option<&str>) -> Result<SubscriptionCounts, StoreError> {
        let values = crate::given(|| Ok(arguments![organization_id]))?;
        let text = self.database.schema.statement(include_str!("../queries/statistics_subscriptions.sql"));
        let rows = self.database.read(text, values).await?;
        let counts = rows.first().map(rows::subscription_counts).transpose();
        Ok(counts.map_err(|failure| failure.undone())?.unwrap_or_default())
    }

    async fn forget(&self, before: Day, limit: usize) -> Result<usize, StoreError> {
        let forgotten = async {
            let values = arguments![before.0, crate::count(limit)];
            let rows = self.database.change(include_str!("../queries/statistics_forget.sql"), values).await?;
            let forgotten = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("forgotten"))?;
            Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
        };
        forgotten.await.map_err(|failure: Failure| failure.of_commit())
    }
}

/// How far counting has come, and the last numbers that were drawn.
struct Drawn {
    position: Position,
    last: Position,
}

/// The part after `from` that is settled; `last` is where all there is ends. Numbers that no row has are cheap, so a
/// part is bounded by them.
fn part(from: Position, settled: Position, last: Position, limit: usize) -> Uncounted {
    let limit = crate::count(limit);
    let end = |from: i64, settled: i64| settled.min(from.saturating_add(limit)).max(from);
    let to = Position { attempts: end(from.attempts, settled.attempts), events: end(from.events, settled.events) };
    let more = to.attempts < last.attempts || to.events < last.events;
    Uncounted { from, to, more, ..Uncounted::default() }
}

impl PgStore {
    async fn drawn(&self) -> Result<Drawn, StoreError> {
        let values = crate::given(|| Ok(arguments![]))?;
        let rows = self.database.look(include_str!("../queries/statistics_position.sql"), values).await?;
        let lost = || StoreError::Corrupt("counts_position has no row".to_owned());
        rows::drawn(rows.first().ok_or_else(lost)?).map_err(|failure| failure.undone())
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
            StatisticsOf::Targets(targets) => (None, Some(targets.iter().map(|it| it.as_str()).collect::<Vec<_>>())),
        };
        let handlers: Vec<&str> = handlers.iter().map(HandlerName::as_str).collect();
        let (from, to) = (part.from.attempts, part.to.attempts);
        let values = crate::given(|| Ok(arguments![from, to, handlers, organization_id, targets]))?;
        let rows = self.database.look(include_str!("../queries/statistics_attempts.sql"), values).await?;
        rows.iter().map(rows::attempt_group).collect::<Result<_, _>>().map_err(|failure| failure.undone())
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
        let values = crate::given(|| Ok(arguments![part.from.events, part.to.events, organization_id]))?;
        let rows = self.database.look(include_str!("../queries/statistics_events.sql"), values).await?;
        rows.iter().map(rows::event_group).collect::<Result<_, _>>().map_err(|failure| failure.undone())
    }
}
