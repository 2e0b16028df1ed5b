//! Jobs that make deliveries again: recovering what failed, and replaying past events.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ReplayId, Subscription, SubscriptionId, words::words};
use crate::{
    catalog::Catalog,
    event::{Event, Pattern},
    routing::{RoutingTable, plan},
};

/// A job, and how far it is. It goes through positions from `first` to `last`, and `position` is how far it has come:
/// places in the log for a replay, upwards; ids of deliveries for a recovery, downwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Its id.
    pub replay_id: ReplayId,
    /// What it makes deliveries of.
    pub kind: ReplayKind,
    /// Whose subscription it is.
    pub organization_id: Option<String>,
    /// Where the deliveries go.
    pub subscription_id: SubscriptionId,
    /// Which types of events; empty: all that the subscription asks for.
    pub event_types: Vec<Pattern>,
    /// Events recorded, or deliveries that died, at or after this time.
    pub since: Timestamp,
    /// And before this time.
    pub until: Timestamp,
    /// Deliveries made in a second at most, at least 1.
    pub rate: u32,
    /// Whether it goes on.
    pub state: ReplayState,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it began.
    #[serde(skip)]
    pub first: i64,
    /// What it has done already, this one included.
    #[serde(skip)]
    pub position: i64,
    /// Where it ends, this one included.
    #[serde(skip)]
    pub last: i64,
    /// Deliveries it will make, as far as was known when it began; `None`: more than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Deliveries made.
    pub made: u64,
    /// The name of the key that asked for it.
    pub created_by: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last made a step.
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

impl Replay {
    /// How much of it is done, from 0 to 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "it is for people who watch a bar")]
    pub fn progress(&self) -> f64 {
        if self.state == ReplayState::Done {
            return 1.0;
        }
        match self.kind {
            ReplayKind::Recover => match self.total {
                Some(total) if total > 0 => (self.made as f64 / total as f64).min(1.0),
                _ => 0.0,
            },
            ReplayKind::Replay => {
                let whole = (self.last - self.first).max(1) as f64;
                ((self.position - self.first) as f64 / whole).clamp(0.0, 1.0)
            }
        }
    }
}

words! {
    /// What deliveries are made of.
    ReplayKind {
        /// Of dead letters: they are delivered again, under their ids.
        Recover = "recover",
        /// Of past events, whether or not they were delivered before.
        Replay = "replay",
    }
}

words! {
    /// Whether a job goes on.
    ReplayState {
        /// It makes a step every second.
        Running = "running",
        /// It has done what it was asked for.
        Done = "done",
        /// Somebody stopped it. What it had made stays made.
        Cancelled = "cancelled",
        /// It cannot go on.
        Failed = "failed",
    }
}

/// Which past events a replay makes deliveries of: those that the subscription, as it is now, would be told of.
#[derive(Clone, Debug)]
pub struct Selection {
    table: RoutingTable,
    event_types: Vec<Pattern>,
    since: Timestamp,
    until: Timestamp,
}

impl Selection {
    /// What `replay` selects for its subscription; `None` when that gets no deliveries.
    #[must_use]
    pub fn of(replay: &Replay, subscription: &Subscription, catalog: Arc<Catalog>) -> Option<Self> {
        let table = RoutingTable::new(catalog, vec![subscription.route()?]);
        Some(Self { table, event_types: replay.event_types.clone(), since: replay.since, until: replay.until })
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        let canonical = self.table.canonical(&event.event_type);
        let is_of = |pattern: &Pattern| pattern.matches(canonical) || pattern.matches(&event.event_type);
        event.created_at >= self.since
            && event.created_at < self.until
            && (self.event_types.is_empty() || self.event_types.iter().any(is_of))
            && !plan(&self.table, event, event.created_at).deliveries.is_empty()
    }
}
