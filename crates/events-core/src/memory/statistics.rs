//! Counts by day, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{
    MemoryStore,
    state::{Attempt, State},
};
use crate::{
    delivery::HandlerName,
    event::Seq,
    ports::{
        Counted, CountingStep, Position, Statistics, StatisticsOf, StatisticsQuery, StoreError, SubscriptionCounts,
        Uncounted,
    },
    statistics::{AttemptGroup, Counts, Day, EventGroup, Scope},
    webhooks::Status,
};

/// What was counted, and up to where.
#[derive(Debug, Default)]
pub(super) struct Counting {
    position: Position,
    counts: Counts,
}

impl State {
    /// The groups of at most `limit` attempts and events after `from`, as far as they are wanted.
    fn groups(
        &self,
        from: Position,
        limit: usize,
        wants_attempt: impl Fn(&Attempt, Option<&str>) -> bool,
        wants_event: impl Fn(Option<&str>) -> bool,
    ) -> Uncounted {
        let (mut attempts, mut events) = (BTreeMap::<AttemptGroup, u64>::new(), BTreeMap::<EventGroup, u64>::new());
        let mut to = from;
        for attempt in self.attempts.iter().filter(|attempt| attempt.number > from.attempts).take(limit) {
            to.attempts = attempt.number;
            let organization_id = self.event_at(attempt.seq).organization_id.clone();
            if wants_attempt(attempt, organization_id.as_deref()) {
                *attempts.entry(alike(attempt, organization_id)).or_default() += 1;
            }
        }
        for (seq, event) in self.events.range(Seq(from.events + 1)..).take(limit) {
            to.events = seq.0;
            let organization_id = event.organization_id.clone();
            if wants_event(organization_id.as_deref()) {
                let day = Day::of(event.created_at);
                *events.entry(EventGroup { organization_id, day, count: 0 }).or_default() += 1;
            }
        }
        let more = self.attempts.last().is_some_and(|last| last.number > to.attempts)
            || self.events.last_key_value().is_some_and(|(last, _)| last.0 > to.events);
        Uncounted {
            from,
            to,
            attempts: attempts.into_iter().map(|(group, count)| AttemptGroup { count, ..group }).collect(),
            events: events.into_iter().map(|(group, count)| EventGroup { count, ..group }).collect(),
            more,
        }
    }

    fn counted(&self, query: &StatisticsQuery) -> Counted {
        let Counting { position, counts } = &self.counting;
        let attempts = counts.attempts.iter().filter(|((handler, scope, day), _)| {
            *handler == query.handler
                && *day >= query.since
                && match (&query.of, scope) {
                    (StatisticsOf::All, Scope::All) => true,
                    (StatisticsOf::Organization(wanted), Scope::Organization(it)) => wanted == it,
                    (StatisticsOf::Targets(wanted), Scope::Target(it)) => wanted.contains(it),
                    _ => false,
                }
        });
        let attempts = attempts.map(|((_, scope, day), tally)| {
            let target = if let Scope::Target(target) = scope { Some(target.clone()) } else { None };
            (target, *day, tally.clone())
        });
        let whose = match &query.of {
            StatisticsOf::All => Some(None),
            StatisticsOf::Organization(organization_id) => Some(Some(organization_id)),
            StatisticsOf::Targets(_) => None,
        };
        let events = counts.events.iter().filter(|((it, day), _)| whose == Some(it.as_ref()) && *day >= query.since);
        Counted {
            position: *position,
            attempts: attempts.collect(),
            events: events.map(|((_, day), count)| (*day, *count)).collect(),
        }
    }

    fn count(&mut self, step: CountingStep) -> bool {
        let Counting { position, counts } = &mut self.counting;
        if *position != step.from {
            return false;
        }
        *position = step.to;
        for (key, tally) in step.counts.attempts {
            counts.attempts.entry(key).or_default().merge(&tally);
        }
        for (key, count) in step.counts.events {
            *counts.events.entry(key).or_default() += count;
        }
        true
    }
}

/// The group that an attempt belongs to, without a count.
fn alike(attempt: &Attempt, organization_id: Option<String>) -> AttemptGroup {
    let record = &attempt.record;
    AttemptGroup {
        handler: record.handler.clone(),
        target: record.target.clone(),
        organization_id,
        day: Day::of(record.created_at),
        outcome: record.outcome,
        is_retry: record.number > 1,
        duration_ms: record.duration_ms,
        count: 0,
    }
}

#[async_trait]
impl Statistics for MemoryStore {
    async fn uncounted(&self, handlers: &[HandlerName], limit: usize) -> Result<Uncounted, StoreError> {
        let state = self.state();
        let wanted = |attempt: &Attempt, _: Option<&str>| handlers.contains(&attempt.record.handler);
        Ok(state.groups(state.counting.position, limit, wanted, |_| true))
    }

    async fn count(&self, step: CountingStep) -> Result<bool, StoreError> {
        Ok(self.state().count(step))
    }

    async fn counted(&self, query: &StatisticsQuery) -> Result<Counted, StoreError> {
        Ok(self.state().counted(query))
    }

    async fn rest(&self, query: &StatisticsQuery, after: Position, limit: usize) -> Result<Uncounted, StoreError> {
        let is_of = |organization_id: Option<&str>| match &query.of {
            StatisticsOf::All => true,
            StatisticsOf::Organization(wanted) => organization_id == Some(wanted),
            StatisticsOf::Targets(_) => false,
        };
        let wants = |attempt: &Attempt, organization_id: Option<&str>| {
            attempt.record.handler == query.handler
                && match &query.of {
                    StatisticsOf::Targets(wanted) => wanted.contains(&attempt.record.target),
                    _ => is_of(organization_id),
                }
        };
        Ok(self.state().groups(after, limit, wants, is_of))
    }

    async fn subscription_counts(&self, organization_id: Option<&str>) -> Result<SubscriptionCounts, StoreError> {
        let state = self.state();
        let mut counts = SubscriptionCounts::default();
        for it in state.webhooks.subscriptions() {
            if organization_id.is_some() && it.organization_id.as_deref() != organization_id {
                continue;
            }
            counts.total += 1;
            match it.status {
                Status::Enabled => counts.failing += u64::from(it.failing_since.is_some()),
                Status::Paused => counts.paused += 1,
                Status::Disabled { .. } => counts.disabled += 1,
            }
            counts.unverified += u64::from(it.verified_at.is_none());
        }
        Ok(counts)
    }

    async fn forget(&self, before: Day, limit: usize) -> Result<usize, StoreError> {
        let Counts { attempts, events } = &mut self.state().counting.counts;
        let old_attempts: Vec<_> = attempts.keys().filter(|(.., day)| *day < before).take(limit).cloned().collect();
        let old_events: Vec<_> = events.keys().filter(|(_, day)| *day < before).take(limit).cloned().collect();
        attempts.retain(|key, _| !old_attempts.contains(key));
        events.retain(|key, _| !old_events.contains(key));
        Ok(old_attempts.len() + old_events.len())
    }
}
