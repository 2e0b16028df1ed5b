//! A delivery: one event for one handler at one target, from claim to verdict.

mod name;
mod pacing;
mod retry;
mod settlement;
mod status;
mod turns;

use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
pub use name::{HandlerName, Target};
pub use pacing::{Grant, Pacing};
pub(crate) use retry::later;
pub use retry::{MAX_RETRY_AFTER, RetryPolicy, jitter};
use serde::{Deserialize, Serialize};
pub use settlement::{
    AttemptOutcome, AttemptReport, DETAIL_BYTES, ErrorClass, Settlement, TargetEffect, Verdict, decide,
};
pub use status::DeliveryStatus;
pub use turns::{Turn, turns};

use crate::event::{Event, EventType, Seq};

/// Id of a delivery; grows, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A worker's claim on a delivery. Each claim gets a greater one, and only the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub i64);

/// A claim, named for renewing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseRef {
    /// The claimed delivery.
    pub delivery_id: DeliveryId,
    /// The claim.
    pub lease: Lease,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Waits for its due time or for a worker.
    Pending,
    /// A worker has it.
    Leased,
    /// It was handled.
    Succeeded,
    /// It failed for good and lies in the dead letters, or did until they were pruned or redriven.
    Dead,
    /// It was rightly not sent.
    Dropped,
}

/// A claimed delivery, as its handler gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The claim under which it is handled.
    pub lease: Lease,
    /// When the claim ends.
    pub lease_until: Timestamp,
    /// The event's place in the log.
    pub seq: Seq,
    /// The event.
    pub event: Arc<Event>,
    /// Who handles it.
    pub handler: HandlerName,
    /// Where it goes.
    pub target: Target,
    /// Number of this attempt; the first is 1.
    pub attempt: u32,
    /// Since when it could be handled.
    pub due_at: Timestamp,
    /// What must not have happened meanwhile.
    pub guard: Option<Guard>,
}

impl Delivery {
    /// The same for every attempt at this event, handler and target: effects made under this
    /// key are made once.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}/{}", self.event.event_id, self.handler, self.target)
    }

    /// The claim, for renewing it.
    #[must_use]
    pub fn lease_ref(&self) -> LeaseRef {
        LeaseRef { delivery_id: self.delivery_id, lease: self.lease }
    }
}

/// Checked when a follow-up is about to be handled: it is dropped when the organization's
/// event of this type was stored after the event that planned it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// The event that makes the follow-up needless.
    pub unless: EventType,
}

/// How long a claim lasts: the handler's timeout and what it takes to settle.
#[must_use]
pub fn lease_duration(timeout: Duration) -> Duration {
    const GRACE: Duration = Duration::from_secs(15);
    timeout + GRACE
}
