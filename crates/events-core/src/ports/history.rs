//! The read side of the store: what happened, and what came of it.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::StoreError;
use crate::{
    delivery::{AttemptOutcome, DeliveryId, DeliveryState, DeliveryStatus, ErrorClass, HandlerName, Target},
    event::{Event, EventId, EventType, Pattern, Payload, Seq, StoredEvent},
};

/// Reads events, deliveries and attempts. Nothing here changes anything.
///
/// # Promises of an implementation
/// - A read sees every change whose call has returned.
/// - Where a query names an organization, nothing of another organization is in the answer.
/// - Pages follow each other without gaps or repeats while rows are added.
#[async_trait]
pub trait EventHistory: Send + Sync {
    /// One event with its progress, or `None`; also `None` when it belongs to another
    /// organization than the one named.
    async fn event(&self, event_id: EventId, organization_id: Option<&str>) -> Result<Option<EventDetail>, StoreError>;

    /// Events newest first, by position in the log (R222–R225); filters combine with AND.
    async fn timeline(&self, query: TimelineQuery) -> Result<Page<EventDetail>, StoreError>;

    /// Events after a position in the log, oldest first, at most `limit`: for followers and replay.
    async fn scan(&self, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, StoreError>;

    /// Whether an event of this type and organization was stored after `after`; `None` stands
    /// for the events without an organization.
    async fn happened_after(
        &self,
        event_type: &EventType,
        organization_id: Option<&str>,
        after: Seq,
    ) -> Result<bool, StoreError>;

    /// Deliveries newest first, waiting and ended ones. An ended delivery is listed as long as its
    /// last attempt is kept.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError>;

    /// The attempts at one delivery in the order in which they were settled; after a redrive the
    /// numbers start again.
    async fn attempts(&self, delivery_id: DeliveryId) -> Result<Vec<AttemptRecord>, StoreError>;

    /// Dead letters newest first.
    async fn dead_letters(&self, query: DeadLetterQuery) -> Result<Page<DeadLetter>, StoreError>;

    /// How much waits (R237); cheap enough for a health check.
    async fn depth(&self, now: Timestamp) -> Result<Depth, StoreError>;
}

const _: Option<&dyn EventHistory> = None; // usable as a trait object

/// An event with its progress, computed from its deliveries and attempts (C23, C33).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// Position in the log.
    pub seq: Seq,
    /// The event as published.
    #[serde(flatten)]
    pub event: Event,
    /// Whether it was routed and every delivery reached a final state (R151).
    pub processed: bool,
    /// When the last delivery reached its final state, once all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_at: Option<Timestamp>,
    /// Attempts that were not the last, over all deliveries: failed and tried again, or lost (R152).
    pub retry_count: u32,
    /// Error of the latest failed attempt (R174).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Which part of a list: a page of rows after a cursor, or from an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Rows at most.
    pub limit: usize,
    /// Rows to pass over after the cursor; cursors are better for long lists.
    pub offset: usize,
    /// The `next` of the page before.
    pub cursor: Option<i64>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 50, offset: 0, cursor: None }
    }
}

/// A part of a list, and how to get the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Cursor of the next page; `None` when this is the last.
    pub next: Option<i64>,
}

/// Filters of the timeline (R223); absent ones do not restrict (R224).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimelineQuery {
    /// Events of this actor.
    pub actor: Option<String>,
    /// Events of this organization.
    pub organization_id: Option<String>,
    /// Events of these types; aliases are to be resolved by the caller. Empty: all.
    pub event_types: Vec<Pattern>,
    /// Recorded at or after.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
    /// Which part.
    pub page: PageRequest,
}

/// Filters of the list of deliveries; absent ones do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// This delivery only.
    pub delivery_id: Option<DeliveryId>,
    /// Of this event.
    pub event_id: Option<EventId>,
    /// Of this handler.
    pub handler: Option<HandlerName>,
    /// To this target.
    pub target: Option<Target>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// That do so.
    pub status: Option<DeliveryStatus>,
    /// Of events of these types; aliases are to be resolved by the caller. Empty: all.
    pub event_types: Vec<Pattern>,
    /// Of events that were recorded at or after this time. It is the time of the event, not of a try, so that no
    /// delivery comes into a window or leaves it while its pages are read.
    pub since: Option<Timestamp>,
    /// Of events that were recorded before this time.
    pub until: Option<Timestamp>,
    /// Of events of this organization.
    pub organization_id: Option<String>,
    /// Whether to answer what the events carry, too.
    pub with_payload: bool,
    /// Which part.
    pub page: PageRequest,
}

/// A delivery as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The event it carries.
    pub event_id: EventId,
    /// That event's type.
    pub event_type: EventType,
    /// When that event was recorded.
    pub event_created_at: Timestamp,
    /// What that event carries, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Who handles it.
    pub handler: HandlerName,
    /// Where it goes.
    pub target: Target,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts begun so far, since the last redrive.
    pub attempts: u32,
    /// When it is tried next, while it waits and nobody has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it reached its final state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Error of the latest failed attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Status code that the latest attempt was answered with; `None` when there was no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
}

impl DeliveryRecord {
    /// How it does.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        DeliveryStatus::of(self.state, self.attempts)
    }
}

/// One try at a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// The delivery that was tried.
    pub delivery_id: DeliveryId,
    /// Who handled it.
    pub handler: HandlerName,
    /// Where it went.
    pub target: Target,
    /// First try is 1.
    pub number: u32,
    /// What came of it.
    pub outcome: AttemptOutcome,
    /// Whether the delivery ended with it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Status code of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the handler took, in milliseconds.
    pub duration_ms: u32,
    /// Group of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// What went wrong, or why nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Beginning of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// More about it, in the words of the handler: for a webhook its headers and the times it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Payload>,
    /// When it was settled.
    pub created_at: Timestamp,
}

/// Filters of the list of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterQuery {
    /// This delivery only.
    pub delivery_id: Option<DeliveryId>,
    /// Of this handler.
    pub handler: Option<HandlerName>,
    /// To this target.
    pub target: Option<Target>,
    /// That died at or after this time.
    pub since: Option<Timestamp>,
    /// That died before this time.
    pub until: Option<Timestamp>,
    /// Of events of this organization.
    pub organization_id: Option<String>,
    /// Which part.
    pub page: PageRequest,
}

/// A delivery that failed for good, kept until it is redriven or has aged out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The delivery that died.
    pub delivery_id: DeliveryId,
    /// The event it carries.
    pub event: Event,
    /// Who handled it.
    pub handler: HandlerName,
    /// Where it should have gone.
    pub target: Target,
    /// Attempts made.
    pub attempts: u32,
    /// Group of the last failure.
    pub reason_class: ErrorClass,
    /// The last failure.
    pub reason: String,
    /// When it died.
    pub created_at: Timestamp,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Events that are not processed (R237): unrouted, or with a delivery that is not final.
    /// Follow-ups planned for later (not begun, with a cancel key) do not count until they are due.
    pub unprocessed: u64,
    /// Events not routed yet.
    pub unrouted: u64,
    /// Deliveries that are due and not leased.
    pub due: u64,
    /// Deliveries waiting for a later time.
    pub scheduled: u64,
    /// Deliveries leased to a worker.
    pub leased: u64,
    /// Dead letters.
    pub dead: u64,
}
