//! The write side of the store: from a published event to a settled delivery.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

use super::stored_routes::RoutesVersion;
use crate::{
    delivery::{Delivery, DeliveryId, Guard, HandlerName, Lease, LeaseRef, Pacing, Settlement, Target, later},
    event::{Event, EventId, Seq, StoredEvent},
};

/// Keeps events, deliveries and their progress, durably.
///
/// # Promises of an implementation
/// - `Ok` means durable: the change survives the death of the process and of the machine's power.
///   [`route`](Self::route) and [`claim`](Self::claim) may fall short of the latter: a loss of power
///   may undo them, and then all that came after them; the events are routed and the deliveries
///   claimed again. A worker that outlives it is fenced out all the same: no other claim has its lease.
/// - Every method is atomic: all of it happened, or none. A caller that gives up waiting
///   (drops the future) leaves either state behind, never a part of one.
/// - Times come in as arguments; the store never asks a clock of its own.
///
/// The life of a delivery: [`route`](Self::route) makes it, [`claim`](Self::claim) leases it to a
/// worker, [`settle`](Self::settle) ends it or sends it back with a later due time. A delivery
/// that is settled for good leaves the store's hot part; its attempts stay readable through
/// [`EventHistory`](super::EventHistory).
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Stores events and marks them as not routed yet, in one commit.
    ///
    /// Answers for each event, in the same order: stored; already there with the same content
    /// (the first one is handed back); or in conflict with another event of the same
    /// idempotency key (within the organization) or id. A conflict stops no neighbour.
    /// An event is looked for by its id first, then by its key; one that is not stored leaves no
    /// key behind. Ids are known for ever, keys until they are pruned.
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError>;

    /// The oldest events that are not routed yet, by position in the log, at most `limit`, and the version of the
    /// stored routes as of the same moment; the version also when there are no events.
    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError>;

    /// Takes events off the list of unrouted ones and makes their deliveries, in one commit.
    ///
    /// Events that somebody else has routed meanwhile are left alone. The others are routed in the
    /// order given: first an event's cancellations, which apply to deliveries that are not leased,
    /// then its deliveries. Each cancelled delivery ends as dropped, with an attempt record of class
    /// `cancelled` that says why and bears the number of attempts begun.
    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError>;

    /// As [`route`](Self::route), and in the same commit leases what it makes to workers that wait for work, as their
    /// next [`claim`](Self::claim) would. `offers` say what each can take, one for a handler and none with pacing.
    ///
    /// What is leased so is due, nothing else that is due waits for its target, and the target does not rest; there
    /// is no more of it than limit and allowances of the offer say, one for each target before one target gets more.
    /// A store may leave as much of it as it likes to `claim`; by itself it leaves everything.
    async fn route_and_claim(
        &self,
        routed: Vec<RoutedEvent>,
        offers: Vec<ClaimRequest>,
        now: Timestamp,
    ) -> Result<Routed, StoreError> {
        drop(offers);
        Ok(Routed { summary: self.route(routed, now).await?, leased: Vec::new() })
    }

    /// Leases due deliveries of one handler to a worker, at most `limit`.
    ///
    /// Claims are fair to organizations and to targets: every one with due work gets its turn before one gets
    /// more. Targets that are paused or disabled are passed over. The others have their turn in the order
    /// in which they became ready, then by name, the first of every organization before the second of one, `limit`
    /// of them at most. A target is ready when its first delivery is due, its last pause is over and its last grant
    /// allows the next call. It belongs to the organization whose webhook subscription it is; targets that belong to
    /// none count as those of one. Each organization gets the same share of `limit` and each of its targets the same
    /// share of that; what some leave goes to the first that have more. None gets more than its allowance, and those
    /// that are allowed nothing are passed over, too. A store may look at the 1,024 targets only that were ready first.
    ///
    /// With pacing, targets have their turn in the order in which they became ready alone, and a target gives out
    /// what [`Pacing::take`] grants for what is due (counted up to
    /// one more than a digest holds), over all callers together. A claim adds one to the delivery's
    /// attempts and to its lease, which fences out whoever held it before; the lease is held until
    /// it is settled or released, also after its time. Deliveries of one target come together, in
    /// the order of due time, then id.
    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError>;

    /// Ends claims with what came of them, in one commit.
    ///
    /// A settlement whose lease is no longer the delivery's current one changes nothing and is
    /// counted as fenced; so does one for a delivery that nobody holds. All others append one
    /// attempt record (handed back ones do not) and apply their effect on the target: of two pauses
    /// the longer one stays, and the last to disable it says why.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError>;

    /// Extends leases until `until` and answers those that are no longer held.
    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError>;

    /// Makes deliveries whose lease ended before `now` due again, with an attempt record of class
    /// `lost` for each; at most `limit`, those first whose lease ended first. Answers how many.
    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Turns dead letters back into deliveries that are due now, with their attempts at zero,
    /// and enables the targets they go to, which ends pauses too. Each keeps its id, guard and cancel
    /// key, its lease goes on growing, and the attempts before stay on record.
    /// Answers how many; at most `filter.limit`.
    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError>;

    /// Removes what has been kept long enough, at most `request.limit` rows of each kind, oldest first.
    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError>;

    /// When the next delivery of `handler` can be claimed; `None` when nothing waits.
    /// May be in the past. Paused targets count with the end of their pause, paced ones with the
    /// time that their last grant allows, disabled ones not at all.
    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError>;
}

const _: Option<&dyn EventStore> = None; // usable as a trait object

/// Why the store did not do what it was asked; the variants say what the caller can do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was changed. Try again later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Nothing was changed, and nothing can be until there is space again.
    #[error("the store has no space left: {0}")]
    Full(String),
    /// It may or may not have happened. Doing it again is safe.
    #[error("the store did not confirm the commit: {0}")]
    Unknown(String),
    /// The store holds something that it should not. A person has to look.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// What became of one event given to [`EventStore::append`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is stored now.
    Stored,
    /// It was stored before; this is the first one.
    Existing(Arc<Event>),
    /// Another event has its idempotency key or id.
    Conflict(EventId),
}

/// What waits to be routed, and which stored routes are to be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unrouted {
    /// The events, oldest first.
    pub events: Vec<StoredEvent>,
    /// The stored routes that were there when each of these events was stored are part of this version.
    pub routes: RoutesVersion,
}

/// An event with what its plan says.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutedEvent {
    /// The event's place in the log.
    pub seq: Seq,
    /// Deliveries to make, follow-ups included.
    pub deliveries: Vec<NewDelivery>,
    /// Waiting deliveries with one of these keys are dropped.
    pub cancellations: Vec<String>,
}

/// A delivery to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// Who handles it.
    pub handler: HandlerName,
    /// Where it goes.
    pub target: Target,
    /// Not before this time.
    pub due_at: Timestamp,
    /// A cancellation with this key drops it.
    pub cancel_key: Option<String>,
    /// Checked again when it is about to be handled.
    pub guard: Option<Guard>,
}

/// What [`EventStore::route`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteSummary {
    /// Events that were on the list and are off it now.
    pub events: usize,
    /// Deliveries made.
    pub deliveries: usize,
    /// Deliveries cancelled.
    pub cancelled: usize,
}

/// What [`EventStore::route_and_claim`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routed {
    /// What routing did.
    pub summary: RouteSummary,
    /// Which deliveries are leased already, in the order of their places.
    pub leased: Vec<Leased>,
}

/// A delivery that was leased as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leased {
    /// Which one, counted from 0 over all deliveries that were given.
    pub place: usize,
    /// Its id.
    pub delivery_id: DeliveryId,
    /// The claim, which is its first attempt.
    pub lease: Lease,
}

/// Asks for deliveries to work on.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimRequest {
    /// Whose deliveries.
    pub handler: HandlerName,
    /// Who asks; for people who look at a leased delivery.
    pub worker: String,
    /// At most this many.
    pub limit: usize,
    /// The lease ends this long after `now`.
    pub lease_for: Duration,
    /// The rate each target is held to.
    pub pacing: Option<Pacing>,
    /// How much each target may get; not looked at with pacing.
    pub allowances: Allowances,
    /// The time of asking.
    pub now: Timestamp,
}

impl ClaimRequest {
    /// When leases end that begin at this time: the time of asking, or of routing for who waited for that.
    #[must_use]
    pub fn lease_until(&self, begin: Timestamp) -> Timestamp {
        later(begin, self.lease_for)
    }
}

/// How many deliveries of each target may be given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// Of every target that is not named.
    pub each: usize,
    /// Of these targets. A store compares every ready target with each: name those that differ, and they are few.
    pub of: BTreeMap<Target, usize>,
}

impl Default for Allowances {
    /// As many as there are.
    fn default() -> Self {
        Self { each: usize::MAX, of: BTreeMap::new() }
    }
}

impl Allowances {
    /// How many of this target.
    #[must_use]
    pub fn of(&self, target: &Target) -> usize {
        self.of.get(target).copied().unwrap_or(self.each)
    }
}

/// What [`EventStore::settle`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettleSummary {
    /// Settlements that took effect.
    pub settled: usize,
    /// Deliveries whose lease had gone to somebody else.
    pub fenced: Vec<DeliveryId>,
}

/// Which dead letters to redrive; absent filters do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedriveFilter {
    /// These deliveries only.
    pub deliveries: Option<Vec<DeliveryId>>,
    /// Of this handler.
    pub handler: Option<HandlerName>,
    /// Going to this target.
    pub target: Option<Target>,
    /// Of events of this organization.
    pub organization_id: Option<String>,
    /// At most this many, oldest first.
    pub limit: usize,
}

/// What has been kept long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PruneRequest {
    /// Attempts of ended deliveries, older than this.
    pub attempts_before: Timestamp,
    /// Dead letters older than this.
    pub dead_letters_before: Timestamp,
    /// Idempotency keys of events recorded before this.
    pub keys_before: Timestamp,
    /// At most this many rows of each kind, so that no call holds the store for long.
    pub limit: usize,
}

/// How much [`EventStore::prune`] removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Attempt records.
    pub attempts: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Idempotency keys.
    pub keys: usize,
}
