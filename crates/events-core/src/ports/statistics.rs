//! Statistics: counts by day, and what was not counted yet.

use async_trait::async_trait;

use super::store::StoreError;
use crate::{
    delivery::{HandlerName, Target},
    statistics::{AttemptGroup, Counts, Day, EventGroup, Tally},
};

/// Keeps counts of attempts and events by day, and how far counting has come.
///
/// Counting is done in steps by whoever leads it: [`uncounted`](Self::uncounted), then [`count`](Self::count) with
/// what follows. Nothing is counted when it happens, so it costs publishing, routing, claiming and settling nothing.
///
/// # Promises of an implementation
/// - Those of [`EventStore`](super::EventStore): `Ok` is durable, every method is atomic, times come in as arguments.
/// - Where an organization is named, nothing of another organization is in the answer.
/// - Each attempt and event is counted once, whoever counts and whenever they are killed. What was pruned before it
///   was counted is not counted.
#[async_trait]
pub trait Statistics: Send + Sync {
    /// What comes after what was counted, in the order of recording, alike ones together: about `limit` attempts and
    /// as many events. Only attempts of `handlers` are in it, and the others are passed over. It ends before anything
    /// that may still be preceded by a commit which nobody sees yet.
    async fn uncounted(&self, handlers: &[HandlerName], limit: usize) -> Result<Uncounted, StoreError>;

    /// Adds counts and moves the position, in one commit. `false`, and nothing is changed, when the position is
    /// another one than `step.from`: so no step counts twice, whoever makes it and however often.
    async fn count(&self, step: CountingStep) -> Result<bool, StoreError>;

    /// What was counted, and the position as of the same moment.
    async fn counted(&self, query: &StatisticsQuery) -> Result<Counted, StoreError>;

    /// What can be seen after a position, alike ones together: about `limit` attempts and as many events are looked
    /// at.
    async fn rest(&self, query: &StatisticsQuery, after: Position, limit: usize) -> Result<Uncounted, StoreError>;

    /// How many subscriptions there are, of this organization or of all, and how they do (R319).
    async fn subscription_counts(&self, organization_id: Option<&str>) -> Result<SubscriptionCounts, StoreError>;

    /// Removes counts of days before `before`, at most `limit` of each kind. Answers how many.
    async fn forget(&self, before: Day, limit: usize) -> Result<usize, StoreError>;
}

const _: Option<&dyn Statistics> = None; // usable as a trait object

/// How far counting has come: everything up to these places is counted. Only the store that gave it out knows what the
/// numbers mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Among attempts.
    pub attempts: i64,
    /// In the log of events.
    pub events: i64,
}

/// What was not counted yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    /// Where it begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// Attempts.
    pub attempts: Vec<AttemptGroup>,
    /// Events.
    pub events: Vec<EventGroup>,
    /// Whether there is more behind it, because the limit was reached.
    pub more: bool,
}

impl Uncounted {
    /// The step that counts it; `None` when there is nothing to be counted.
    #[must_use]
    pub fn step(&self) -> Option<CountingStep> {
        let step = || CountingStep { from: self.from, to: self.to, counts: Counts::of(&self.attempts, &self.events) };
        (self.from != self.to).then(step)
    }
}

/// Counts, and the part that they are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountingStep {
    /// Where the part begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
    /// What is in it.
    pub counts: Counts,
}

/// Which statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsQuery {
    /// Attempts of this handler.
    pub handler: HandlerName,
    /// About whom.
    pub of: StatisticsOf,
    /// From this day on.
    pub since: Day,
}

/// Whom statistics are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatisticsOf {
    /// Everybody.
    All,
    /// The events of one organization, and attempts with them.
    Organization(String),
    /// These targets, each for itself; no events.
    Targets(Vec<Target>),
}

impl StatisticsOf {
    /// Whether each target is answered for itself.
    #[must_use]
    pub fn is_targets(&self) -> bool {
        matches!(self, Self::Targets(_))
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Up to where.
    pub position: Position,
    /// Attempts by day; with their target where targets were asked for.
    pub attempts: Vec<(Option<Target>, Day, Tally)>,
    /// Events by day.
    pub events: Vec<(Day, u64)>,
}

/// How subscriptions do. One can be in several of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// All of them.
    pub total: u64,
    /// Those whose deliveries have only failed for some time, as far as they are enabled.
    pub failing: u64,
    /// Those that are paused.
    pub paused: u64,
    /// Those that are disabled, by their owner or because they failed for too long.
    pub disabled: u64,
    /// Those whose endpoint has not answered its challenge.
    pub unverified: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_anything_wanted_is_a_step_too() {
        let to = Position { attempts: 7, events: 0 };
        let passed = Uncounted { to, ..Uncounted::default() };
        let expected = CountingStep { from: Position::default(), to, counts: Counts::default() };
        assert_eq!(passed.step(), Some(expected));
        assert_eq!(Uncounted::default().step(), None);
    }
}
