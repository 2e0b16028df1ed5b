//! What the memory store holds: the tables of the design, as plain collections.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use crate::{
    delivery::{DeliveryId, ErrorClass, Guard, HandlerName, Lease, Target},
    event::{Event, EventId, Seq},
    ports::{ApiKey, AttemptRecord, KeyHash},
};

/// Everything, under one lock.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The log.
    pub(super) events: BTreeMap<Seq, Arc<Event>>,
    /// Where in the log an event is.
    pub(super) event_ids: HashMap<EventId, Seq>,
    /// Idempotency keys within their organization, until they are pruned.
    pub(super) event_keys: BTreeMap<(Option<String>, String), Seq>,
    /// Events not routed yet.
    pub(super) outbox: BTreeSet<Seq>,
    /// Deliveries that wait or are leased.
    pub(super) deliveries: BTreeMap<DeliveryId, OpenDelivery>,
    /// The id given out last.
    pub(super) last_delivery: i64,
    /// Attempts in the order in which they were settled.
    pub(super) attempts: Vec<Attempt>,
    /// The number of the last attempt that was recorded.
    pub(super) last_attempt: i64,
    /// Deliveries that failed for good.
    pub(super) dead_letters: BTreeMap<DeliveryId, Dead>,
    /// Targets that something is known about.
    pub(super) targets: BTreeMap<(HandlerName, Target), TargetRow>,
    /// Who leads which task.
    pub(super) terms: HashMap<String, super::leadership::Term>,
    /// API keys by their hash.
    pub(super) api_keys: HashMap<KeyHash, ApiKey>,
    /// Jobs that make deliveries again.
    pub(super) replays: super::replays::Jobs,
    /// What was counted.
    pub(super) counting: super::statistics::Counting,
    /// Webhook subscriptions.
    pub(super) webhooks: super::webhooks::Webhooks,
}

/// A delivery that has not ended.
#[derive(Clone, Debug)]
pub(super) struct OpenDelivery {
    pub(super) delivery_id: DeliveryId,
    pub(super) seq: Seq,
    pub(super) handler: HandlerName,
    pub(super) target: Target,
    pub(super) due_at: Timestamp,
    pub(super) cancel_key: Option<String>,
    pub(super) guard: Option<Guard>,
    /// Attempts begun.
    pub(super) attempts: u32,
    /// The greatest lease given out; zero before the first.
    pub(super) lease: Lease,
    /// When the lease ends; `None` while nobody holds it.
    pub(super) lease_until: Option<Timestamp>,
}

impl OpenDelivery {
    /// Whether nobody holds it.
    pub(super) fn waits(&self) -> bool {
        self.lease_until.is_none()
    }

    /// Whether somebody could take it now, if its target allows.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.waits() && self.due_at <= now
    }

    /// Who handles it, and where it goes.
    pub(super) fn goes_to(&self) -> (HandlerName, Target) {
        (self.handler.clone(), self.target.clone())
    }

    /// Whether `lease` is the one that is held.
    pub(super) fn is_held_under(&self, lease: Lease) -> bool {
        self.lease == lease && !self.waits()
    }

    /// Whether it is a follow-up whose time has not come.
    pub(super) fn is_planned(&self, now: Timestamp) -> bool {
        self.cancel_key.is_some() && self.attempts == 0 && self.due_at > now
    }
}

/// An attempt with the event it was made for.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Grows from one to the next.
    pub(super) number: i64,
    pub(super) seq: Seq,
    pub(super) record: AttemptRecord,
}

/// A delivery that failed for good, as it was when it ended.
#[derive(Debug)]
pub(super) struct Dead {
    pub(super) delivery: OpenDelivery,
    pub(super) reason_class: ErrorClass,
    pub(super) reason: String,
    pub(super) created_at: Timestamp,
}

/// What is known about a target.
#[derive(Debug, Default)]
pub(super) struct TargetRow {
    /// Nothing is claimed before.
    pub(super) paused_until: Option<Timestamp>,
    /// Nothing is claimed at all: since when, and why.
    pub(super) disabled: Option<(Timestamp, String)>,
    /// What the last grant left of the rate.
    pub(super) paced_until: Option<Timestamp>,
    /// When the last grant allows the next call.
    pub(super) not_before: Option<Timestamp>,
}

impl TargetRow {
    /// Whether it rests at `now`.
    pub(super) fn is_troubled(&self, now: Timestamp) -> bool {
        self.disabled.is_some() || self.paused_until.is_some_and(|until| until > now)
    }

    /// Whether nothing can be claimed at `now`.
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.is_troubled(now) || self.not_before.is_some_and(|from| from > now)
    }

    /// Ends pause and disablement; the rate stays.
    pub(super) fn mend(&mut self) {
        self.paused_until = None;
        self.disabled = None;
    }
}

impl State {
    /// The event at a place in the log that a row refers to.
    pub(super) fn event_at(&self, seq: Seq) -> &Arc<Event> {
        self.events.get(&seq).expect("rows refer to stored events, and events stay for ever")
    }

    /// The row of a target, made when it is the first thing known about it.
    pub(super) fn target_row(&mut self, handler: &HandlerName, target: &Target) -> &mut TargetRow {
        self.targets.entry((handler.clone(), target.clone())).or_default()
    }
}
