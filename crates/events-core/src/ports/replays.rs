//! Deliveries that are made again: one because somebody wants it, many by a job.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    history::{Page, PageRequest},
    store::StoreError,
};
use crate::{
    delivery::{DeliveryId, HandlerName, Target},
    event::Seq,
    webhooks::{Replay, ReplayId, ReplayState, SubscriptionId},
};

/// Makes deliveries again.
///
/// # Promises of an implementation
/// - Those of [`EventStore`](super::EventStore): `Ok` is durable, every method is atomic, times come in as arguments.
/// - Where an organization is named, what belongs to another one, or to none, is as if it were not there.
/// - No rest of a target is ended: what is made again for one that rests waits until it goes on.
#[async_trait]
pub trait Replays: Send + Sync {
    /// Has one delivery made again: a dead letter comes back as with [`redrive`](super::EventStore::redrive), one that
    /// ended otherwise gets a new delivery of the same event to the same target, and one that waits is due now. One
    /// that a worker has is left alone. `None` when there is no such delivery, or none of its attempts is kept.
    ///
    /// Asking again after [`StoreError::Unknown`] may make a second new delivery.
    async fn resend(&self, wanted: Resend, now: Timestamp) -> Result<Option<Resent>, StoreError>;

    /// Stores a job. `false`, and nothing is changed, when there is one with this id.
    async fn start(&self, replay: Replay) -> Result<bool, StoreError>;

    /// The job with this id, or `None`.
    async fn replay(&self, replay_id: ReplayId, organization_id: Option<&str>) -> Result<Option<Replay>, StoreError>;

    /// Jobs newest first.
    async fn replays(&self, query: ReplayQuery) -> Result<Page<Replay>, StoreError>;

    /// Makes the deliveries of one step and moves the job's position, in one commit. Answers how the job is now, or
    /// `None`, and nothing is changed, when it does not run or is at another position than `step.from`: so no step is
    /// made twice, whoever makes it and however often.
    ///
    /// Dead letters that are gone meanwhile or go elsewhere are passed over and not counted.
    async fn step(&self, step: ReplayStep) -> Result<Option<Replay>, StoreError>;

    /// Ends a job that runs; one that has ended stays as it is. Answers how it is now, or `None` when there is none
    /// with this id.
    async fn end(
        &self,
        replay_id: ReplayId,
        organization_id: Option<&str>,
        end: ReplayEnd,
    ) -> Result<Option<Replay>, StoreError>;
}

const _: Option<&dyn Replays> = None; // usable as a trait object

/// Which delivery to make again; absent filters do not restrict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// This one.
    pub delivery_id: DeliveryId,
    /// If it is of this handler.
    pub handler: Option<HandlerName>,
    /// If its event is of this organization.
    pub organization_id: Option<String>,
}

/// What became of a wish to make a delivery again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// How it is made again.
    pub outcome: ResendOutcome,
    /// The delivery that is on its way now: the same one, or the new one.
    pub delivery_id: DeliveryId,
}

/// How a delivery is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResendOutcome {
    /// It was a dead letter and is a delivery again, due now.
    Redriven,
    /// It had ended; a new delivery of its event to its target is due now.
    MadeAnew,
    /// It waited, and is due now.
    MadeDue,
    /// A worker has it.
    UnderWay,
}

/// Filters of the list of jobs; absent ones do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayQuery {
    /// Of this organization's subscriptions.
    pub organization_id: Option<String>,
    /// Of this subscription.
    pub subscription_id: Option<SubscriptionId>,
    /// In this state.
    pub state: Option<ReplayState>,
    /// Which part.
    pub page: PageRequest,
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayStep {
    /// Whose step.
    pub replay_id: ReplayId,
    /// Where the job is before it.
    pub from: i64,
    /// Where it is afterwards.
    pub to: i64,
    /// Whether the job is done with it.
    pub is_last: bool,
    /// Who handles what is made.
    pub handler: HandlerName,
    /// Where it goes.
    pub target: Target,
    /// Events that get a delivery, in the order in which the deliveries are made.
    pub events: Vec<Seq>,
    /// Dead letters that become deliveries again.
    pub dead_letters: Vec<DeliveryId>,
    /// Everything is due now.
    pub now: Timestamp,
}

/// How a job ends before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayEnd {
    /// [`ReplayState::Cancelled`] or [`ReplayState::Failed`].
    pub state: ReplayState,
    /// Why it failed.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
