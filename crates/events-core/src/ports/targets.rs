//! What is known about targets: pauses and outages, shared by all workers.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::StoreError;
use crate::delivery::{HandlerName, Target, TargetEffect};

/// Reads and mends the state of targets. Workers change it by settling deliveries.
#[async_trait]
pub trait TargetStates: Send + Sync {
    /// Targets that are paused after `now` or disabled, by handler and name.
    async fn troubled(&self, now: Timestamp) -> Result<Vec<TargetState>, StoreError>;

    /// Ends pauses and disablement: of one target, or of all of the handler. What waited is due
    /// again at its own time. Answers how many targets were mended: those that rested at `now`.
    async fn resume(&self, handler: &HandlerName, target: Option<&Target>, now: Timestamp)
    -> Result<usize, StoreError>;

    /// Has a target rest because somebody wants it to, as if it had brought `effect` upon itself at `now`: of two
    /// pauses the longer one stays, and the last to disable it says why. What waits for it is kept.
    async fn rest(
        &self,
        handler: &HandlerName,
        target: &Target,
        effect: TargetEffect,
        now: Timestamp,
    ) -> Result<(), StoreError>;
}

const _: Option<&dyn TargetStates> = None; // usable as a trait object

/// A target that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetState {
    /// Whose target.
    pub handler: HandlerName,
    /// Which one.
    pub target: Target,
    /// It asked for rest until then; may be over, when it is disabled too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// It refused for good at this time, and waits for somebody to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// What it said when it was disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Deliveries that wait for it, due or not; leased ones are on their way.
    pub waiting: u64,
}
