//! The event: an immutable fact, and everything needed to name, build and check one.

mod event_type;
mod ids;
mod limits;
mod metadata;
mod new_event;
mod pattern;
mod payload;
mod scan;
mod wire;

pub use event_type::{EventType, InvalidEventType};
pub use ids::{EventId, Seq};
pub use limits::{InvalidEvent, Limits};
pub use metadata::Metadata;
pub use new_event::NewEvent;
pub use pattern::{InvalidPattern, Pattern};
pub use payload::Payload;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An immutable fact: what happened, when, to whom, told by whom.
///
/// Field names are the same in Rust, in JSON and in SQL (R142–R150). An event is
/// built from a [`NewEvent`] by the publisher, which fills in the id, the times and
/// the defaults, and checks the [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Public, unique id (UUIDv7) and the key that makes publishing idempotent.
    pub event_id: EventId,
    /// What kind of fact this is, as emitted (an alias stays an alias here).
    pub event_type: EventType,
    /// Schema version of the payload, semantic versioning; `1.0.0` by default.
    pub event_version: String,
    /// When it happened, UTC, microseconds.
    pub occurred_at: Timestamp,
    /// When this system recorded it, UTC, microseconds.
    pub created_at: Timestamp,
    /// Who or what acted: a user id, `system`, the name of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Kind of actor: `user`, `system`, `webhook`, … (an open set).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<String>,
    /// The tenant this event belongs to; no other tenant ever sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Event-specific JSON object, kept exactly as published.
    pub payload: Payload,
    /// Where the event came from.
    pub metadata: Metadata,
    /// The caller's key: publishing twice with the same key stores one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Event {
    /// Whether `other` says the same thing: type, version, actor, organization and
    /// payload are equal. Ids, times and metadata may differ, as they do when a
    /// caller tries again.
    #[must_use]
    pub fn same_content(&self, other: &Event) -> bool {
        self.event_type == other.event_type
            && self.event_version == other.event_version
            && self.actor == other.actor
            && self.actor_type == other.actor_type
            && self.organization_id == other.organization_id
            && self.payload.same_value(&other.payload)
    }

    /// Approximate size in memory and on the wire, in bytes; what batches are bounded by.
    #[must_use]
    pub fn weight(&self) -> usize {
        const ENVELOPE: usize = 256;
        ENVELOPE + self.payload.as_str().len()
    }
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Position in the log; grows in the order of recording.
    pub seq: Seq,
    /// The event itself, shared between everyone who looks at it.
    pub event: std::sync::Arc<Event>,
}
