//! The handler port: whoever makes an event known to somebody outside.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use crate::{
    delivery::{Delivery, ErrorClass, HandlerName, Pacing, RetryPolicy, Target},
    event::Payload,
};

/// Makes events known to one kind of outside world: Slack, webhooks, mailboxes.
///
/// # Promises of an implementation
/// - It answers with a result and never hides a failure: whoever handled the event knows
///   best whether another try can help, and says so with the error's constructor.
/// - It may be called again for the same delivery, because a process can die after the
///   effect and before it is recorded. [`Delivery::idempotency_key`] is the same each time.
/// - It does not wait for its own rate limit; it declares [`HandlerPolicy::pacing`].
///
/// A panic is caught and counts as a failure that may be tried again.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// The name in deliveries, attempts, logs and routes: `slack`. The same for ever.
    fn name(&self) -> HandlerName;

    /// Timeout, retries, concurrency and pacing of this handler.
    fn policy(&self) -> HandlerPolicy {
        HandlerPolicy::default()
    }

    /// Timeout and retries of deliveries to one target; those of [`policy`](Self::policy) by default.
    async fn policy_for(&self, _target: &Target) -> TargetPolicy {
        let HandlerPolicy { timeout, retry, .. } = self.policy();
        TargetPolicy { timeout, retry }
    }

    /// What one process may have of each target; by default, as much as it may have of all. A target that answers
    /// slowly or not at all is kept by a small limit from taking the room of others. Not asked of handlers with
    /// pacing.
    fn target_limits(&self) -> TargetLimits {
        TargetLimits::default()
    }

    /// Handles one delivery before `policy().timeout` is over; after that it is dropped.
    ///
    /// # Errors
    /// [`HandlerError`], which decides between another try and a dead letter.
    async fn handle(&self, delivery: &Delivery) -> Result<Delivered, HandlerError>;

    /// Handles deliveries of one target that have piled up beyond `pacing.digest_over`,
    /// with one result each in the same order. Handlers without pacing are never asked.
    async fn handle_digest(&self, deliveries: &[Delivery]) -> Vec<Result<Delivered, HandlerError>> {
        let mut results = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            results.push(self.handle(delivery).await);
        }
        results
    }
}

const _: Option<&dyn EventHandler> = None; // usable as a trait object

/// How a handler wants to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct HandlerPolicy {
    /// One call may take this long, response body included. 15 s by default.
    pub timeout: Duration,
    /// When a failed delivery is tried again, and how often.
    pub retry: RetryPolicy,
    /// Calls under way at once in one process. 32 by default.
    pub concurrency: usize,
    /// The rate each target is held to, over all processes; `None`: as fast as it goes.
    pub pacing: Option<Pacing>,
}

impl Default for HandlerPolicy {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(15), retry: RetryPolicy::default(), concurrency: 32, pacing: None }
    }
}

/// How deliveries to one target are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetPolicy {
    /// One call may take this long, response body included.
    pub timeout: Duration,
    /// When a failed delivery is tried again, and how often.
    pub retry: RetryPolicy,
}

/// What one process may have of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetLimit {
    /// Calls under way at once.
    pub calls: usize,
    /// Deliveries that are claimed, those under way among them; the others wait for their turn.
    pub at_hand: usize,
}

impl TargetLimit {
    /// So many calls at once, and seven times as many deliveries that wait for their turn: a target that answers at
    /// once is through with as many as it is called with while the store is asked for more.
    #[must_use]
    pub const fn calls(calls: usize) -> Self {
        Self { calls, at_hand: calls.saturating_mul(8) }
    }
}

/// What one process may have of each target of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetLimits {
    /// Of every target that is not named.
    pub each: TargetLimit,
    /// Of these targets. A store compares every ready target with each: name those that differ, and they are few.
    pub of: BTreeMap<Target, TargetLimit>,
}

impl Default for TargetLimits {
    /// As much as the handler may have of all.
    fn default() -> Self {
        Self { each: TargetLimit::calls(usize::MAX), of: BTreeMap::new() }
    }
}

impl TargetLimits {
    /// Of this target.
    #[must_use]
    pub fn of(&self, target: &Target) -> TargetLimit {
        self.of.get(target).copied().unwrap_or(self.each)
    }
}

/// What a handler reports about a success, kept with the attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Status code of the answer, where the protocol has one.
    pub status: Option<u16>,
    /// Beginning of the answer, or a remark such as `digest of 12`; at most 16 KiB are kept.
    pub response: Option<String>,
    /// Why nothing was sent, when not sending was the right thing to do.
    pub dropped: Option<String>,
    /// More about the attempt, for people who look at it; see [`AttemptRecord::detail`](super::AttemptRecord::detail).
    pub detail: Option<Payload>,
}

impl Delivered {
    /// Sent and accepted with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Rightly not sent, and why.
    #[must_use]
    pub fn dropped(why: impl Into<String>) -> Self {
        Self { dropped: Some(why.into()), ..Self::default() }
    }

    /// Adds the beginning of the answer or a remark.
    #[must_use]
    pub fn with_response(mut self, response: impl Into<String>) -> Self {
        self.response = Some(response.into());
        self
    }

    /// Adds more about the attempt.
    #[must_use]
    pub fn with_detail(mut self, detail: Payload) -> Self {
        self.detail = Some(detail);
        self
    }
}

/// A failed call: what went wrong, and what follows from it.
///
/// The message is for people who look at the delivery; it never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HandlerError {
    /// Groups failures in statistics and dead letters.
    pub class: ErrorClass,
    /// What happened, in a sentence.
    pub message: String,
    /// Status code of the answer, where there was one.
    pub status: Option<u16>,
    /// Beginning of the answer; at most 16 KiB are kept.
    pub response: Option<String>,
    /// More about the attempt, for people who look at it.
    pub detail: Option<Payload>,
    /// What follows from the failure.
    pub advice: Advice,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Another try can help.
    Retry,
    /// Another try can help after this long, and the whole target pauses until then.
    RetryAfter(Duration),
    /// Nothing was tried, and nothing is to be tried with this target for so long: the delivery waits, and
    /// this does not count as an attempt.
    Hold(Duration),
    /// No further try can help this delivery.
    Fail,
    /// No further try can help, nor can any delivery to this target until somebody mends it.
    TargetDown,
}

impl HandlerError {
    fn new(class: ErrorClass, message: impl Into<String>, advice: Advice) -> Self {
        Self { class, message: message.into(), status: None, response: None, detail: None, advice }
    }

    /// Another try can help.
    #[must_use]
    pub fn retry(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::new(class, message, Advice::Retry)
    }

    /// The target asked for a pause: it rests for `pause` (at most 24 h), then goes on.
    #[must_use]
    pub fn retry_after(class: ErrorClass, message: impl Into<String>, pause: Duration) -> Self {
        Self::new(class, message, Advice::RetryAfter(pause))
    }

    /// Nothing was sent, because the target is to rest for `pause`; the delivery waits, and this is no attempt.
    #[must_use]
    pub fn hold(message: impl Into<String>, pause: Duration) -> Self {
        Self::new(ErrorClass::new("held"), message, Advice::Hold(pause))
    }

    /// No further try can help: the delivery becomes a dead letter at once.
    #[must_use]
    pub fn fail(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::new(class, message, Advice::Fail)
    }

    /// The target is gone: this delivery becomes a dead letter and the others wait.
    #[must_use]
    pub fn target_down(class: ErrorClass, message: impl Into<String>) -> Self {
        Self::new(class, message, Advice::TargetDown)
    }

    /// Adds the status code of the answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds the beginning of the answer.
    #[must_use]
    pub fn with_response(mut self, response: impl Into<String>) -> Self {
        self.response = Some(response.into());
        self
    }

    /// Adds more about the attempt.
    #[must_use]
    pub fn with_detail(mut self, detail: Payload) -> Self {
        self.detail = Some(detail);
        self
    }
}
