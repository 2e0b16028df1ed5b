//! The leadership port: one process among many does what need be done once only.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::store::StoreError;

/// Chooses one process for a task among all that ask.
///
/// Two processes may lead for a moment, when one of them was held up for longer than its term; what
/// a leader does must be harmless when two do it.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Whether `candidate` leads `task` from `now` on for `term`: it led already, or the term of
    /// whoever did is over.
    async fn lead(&self, task: &str, candidate: &str, term: Duration, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends the term of `candidate`, if it leads: the next may begin at once.
    async fn resign(&self, task: &str, candidate: &str) -> Result<(), StoreError>;
}

const _: Option<&dyn Leadership> = None; // usable as a trait object
