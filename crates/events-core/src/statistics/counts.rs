//! Attempts and events that are alike, and the rows that their counts are added to.

use std::collections::BTreeMap;

use super::{Day, Tally};
use crate::delivery::{AttemptOutcome, HandlerName, Target};

/// Attempts that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptGroup {
    /// Who made them.
    pub handler: HandlerName,
    /// Where they went.
    pub target: Target,
    /// The organization of the events.
    pub organization_id: Option<String>,
    /// When they were settled.
    pub day: Day,
    /// What came of them.
    pub outcome: AttemptOutcome,
    /// Whether they were not the first at their delivery.
    pub is_retry: bool,
    /// How long each took, in milliseconds.
    pub duration_ms: u32,
    /// How many there are.
    pub count: u64,
}

/// Events that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventGroup {
    /// Whose they are.
    pub organization_id: Option<String>,
    /// When they were recorded.
    pub day: Day,
    /// How many there are.
    pub count: u64,
}

/// What a row of counts is about. Everything is counted in up to three rows, so that each question is answered by a
/// row for each day, however many organizations and targets there are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All there is.
    All,
    /// Events of this organization, and attempts with them.
    Organization(String),
    /// Attempts at this target.
    Target(Target),
}

impl Scope {
    /// The word that stores keep.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Organization(_) => "organization",
            Self::Target(_) => "target",
        }
    }

    /// The name within the word; empty for all.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::All => "",
            Self::Organization(organization_id) => organization_id,
            Self::Target(target) => target.as_str(),
        }
    }
}

/// Counts to be added to what a store has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Attempts by handler, scope and day.
    pub attempts: BTreeMap<(HandlerName, Scope, Day), Tally>,
    /// Events by organization and day; `None` stands for all events.
    pub events: BTreeMap<(Option<String>, Day), u64>,
}

impl Counts {
    /// The counts of these.
    #[must_use]
    pub fn of(attempts: &[AttemptGroup], events: &[EventGroup]) -> Self {
        let mut counts = Self::default();
        for group in attempts {
            let organization = named(group.organization_id.as_ref()).map(Scope::Organization);
            let scopes = [Some(Scope::All), organization, Some(Scope::Target(group.target.clone()))];
            for scope in scopes.into_iter().flatten() {
                counts.attempts.entry((group.handler.clone(), scope, group.day)).or_default().add(group);
            }
        }
        for group in events {
            for whose in [Some(None), named(group.organization_id.as_ref()).map(Some)].into_iter().flatten() {
                let count = counts.events.entry((whose, group.day)).or_default();
                *count = count.saturating_add(group.count);
            }
        }
        counts
    }
}

/// An organization that somebody can ask for: stores keep the empty name for all.
fn named(organization_id: Option<&String>) -> Option<String> {
    organization_id.filter(|name| !name.is_empty()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_for_all_for_its_organization_and_for_its_target() {
        let group = |target: &str, organization_id: Option<&str>, count| AttemptGroup {
            handler: "webhooks".into(),
            target: target.into(),
            organization_id: organization_id.map(str::to_owned),
            day: Day(1),
            outcome: AttemptOutcome::Done,
            is_retry: false,
            duration_ms: 3,
            count,
        };
        let event = |organization_id: Option<&str>, count| EventGroup {
            organization_id: organization_id.map(str::to_owned),
            day: Day(1),
            count,
        };
        let counts = Counts::of(
            &[group("a", Some("org_1"), 2), group("b", Some("org_1"), 3), group("a", None, 4)],
            &[event(Some("org_1"), 5), event(None, 6), event(Some(""), 1)],
        );
        let succeeded: Vec<_> =
            counts.attempts.iter().map(|((_, scope, _), tally)| (scope.clone(), tally.succeeded)).collect();
        assert_eq!(
            succeeded,
            [
                (Scope::All, 9),
                (Scope::Organization("org_1".to_owned()), 5),
                (Scope::Target("a".into()), 6),
                (Scope::Target("b".into()), 3),
            ]
        );
        let events: Vec<_> = counts.events.into_iter().map(|((whose, _), count)| (whose, count)).collect();
        assert_eq!(events, [(None, 12), (Some("org_1".to_owned()), 5)]);
    }
}
