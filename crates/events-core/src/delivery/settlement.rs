//! What comes of an attempt: the verdict, decided purely from the handler's result.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Delivery, DeliveryId, HandlerName, Lease, Target,
    retry::{MAX_RETRY_AFTER, RetryPolicy, jitter, later},
};
use crate::{
    event::{Payload, Seq},
    ports::{Advice, Delivered, HandlerError},
};

/// Longest response excerpt kept with an attempt, in bytes.
const RESPONSE_BYTES: usize = 16 * 1024;
/// Longest error text kept with an attempt, in bytes.
const ERROR_BYTES: usize = 2 * 1024;

/// Longest detail kept with an attempt, in bytes of JSON; a longer one is left out.
pub const DETAIL_BYTES: usize = 32 * 1024;

/// What happens to a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Handled; it ends.
    Done,
    /// Not sent, and rightly so; it ends.
    Dropped,
    /// Tried again at this time.
    RetryAt(Timestamp),
    /// Failed for good; it ends as a dead letter.
    Dead,
    /// Not begun: due again at the time of settling, and its attempt does not count.
    HandedBack,
}

/// How an attempt is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Handled.
    Done,
    /// Not sent, and rightly so.
    Dropped,
    /// Failed, to be tried again.
    Retry,
    /// Failed for good.
    Dead,
    /// The worker was not heard of again.
    Lost,
}

/// Groups failures: a short snake-case word such as `timeout`, `connect`, `http_4xx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorClass(std::borrow::Cow<'static, str>);

impl ErrorClass {
    /// The handler took longer than its timeout.
    pub const TIMEOUT: Self = Self::new("timeout");
    /// The handler panicked.
    pub const PANIC: Self = Self::new("panic");
    /// The worker died or lost its lease.
    pub const LOST: Self = Self::new("lost");
    /// A later event made it needless.
    pub const CANCELLED: Self = Self::new("cancelled");

    /// A class by its word.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(std::borrow::Cow::Borrowed(word))
    }

    /// A class read back from a store.
    #[must_use]
    pub fn from_stored(word: String) -> Self {
        Self(std::borrow::Cow::Owned(word))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an attempt looked like, for its record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptReport {
    /// Status code of the answer.
    pub status: Option<u16>,
    /// How long the handler took.
    pub duration: Duration,
    /// Group of the failure.
    pub error_class: Option<ErrorClass>,
    /// What went wrong, or why nothing was sent.
    pub error: Option<String>,
    /// Beginning of the answer.
    pub response: Option<String>,
    /// More about it, for people who look; at most [`DETAIL_BYTES`]. Shared: settlements are kept until they are stored.
    pub detail: Option<Arc<Payload>>,
}

/// What a target brought upon itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetEffect {
    /// Nothing is claimed for it until then.
    PauseUntil(Timestamp),
    /// Nothing is claimed for it until somebody resumes it.
    Disable(String),
}

/// The end of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The claimed delivery.
    pub delivery_id: DeliveryId,
    /// The claim that ends.
    pub lease: Lease,
    /// The event's place in the log.
    pub seq: Seq,
    /// Who handled it.
    pub handler: HandlerName,
    /// Where it went.
    pub target: Target,
    /// Number of the attempt.
    pub attempt: u32,
    /// What happens to the delivery.
    pub verdict: Verdict,
    /// What the attempt looked like.
    pub report: AttemptReport,
    /// What happens to the target.
    pub target_effect: Option<TargetEffect>,
    /// When the attempt ended.
    pub settled_at: Timestamp,
}

impl Settlement {
    /// How the attempt is recorded; a delivery that was handed back leaves no record.
    #[must_use]
    pub fn outcome(&self) -> Option<AttemptOutcome> {
        match self.verdict {
            Verdict::Done => Some(AttemptOutcome::Done),
            Verdict::Dropped => Some(AttemptOutcome::Dropped),
            Verdict::RetryAt(_) => Some(AttemptOutcome::Retry),
            Verdict::Dead => Some(AttemptOutcome::Dead),
            Verdict::HandedBack => None,
        }
    }

    /// Whether the delivery ends with it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.verdict, Verdict::Done | Verdict::Dropped | Verdict::Dead)
    }

    /// Gives back a delivery that was claimed and not begun.
    #[must_use]
    pub fn hand_back(delivery: &Delivery, now: Timestamp) -> Self {
        Self::new(delivery, Verdict::HandedBack, AttemptReport::default(), None, now)
    }

    fn new(
        delivery: &Delivery,
        verdict: Verdict,
        report: AttemptReport,
        target_effect: Option<TargetEffect>,
        now: Timestamp,
    ) -> Self {
        Self {
            delivery_id: delivery.delivery_id,
            lease: delivery.lease,
            seq: delivery.seq,
            handler: delivery.handler.clone(),
            target: delivery.target.clone(),
            attempt: delivery.attempt,
            verdict,
            report,
            target_effect,
            settled_at: now,
        }
    }
}

/// Decides what follows from a handler's result.
#[must_use]
pub fn decide(
    delivery: &Delivery,
    result: Result<Delivered, HandlerError>,
    duration: Duration,
    policy: &RetryPolicy,
    now: Timestamp,
) -> Settlement {
    let error = match result {
        Ok(delivered) => {
            let verdict = if delivered.dropped.is_some() { Verdict::Dropped } else { Verdict::Done };
            let report = AttemptReport {
                status: delivered.status,
                duration,
                error_class: None,
                error: delivered.dropped.map(|why| cut(why, ERROR_BYTES)),
                response: delivered.response.map(|response| cut(response, RESPONSE_BYTES)),
                detail: delivered.detail.filter(is_short).map(Arc::new),
            };
            return Settlement::new(delivery, verdict, report, None, now);
        }
        Err(error) => error,
    };
    let retry = |asked| {
        let jitter = jitter(delivery.delivery_id, delivery.attempt);
        policy.next(delivery.attempt, now, jitter, asked).map_or(Verdict::Dead, Verdict::RetryAt)
    };
    let (verdict, effect) = match error.advice {
        Advice::Retry => (retry(None), None),
        Advice::RetryAfter(pause) => {
            (retry(Some(pause)), Some(TargetEffect::PauseUntil(later(now, pause.min(MAX_RETRY_AFTER)))))
        }
        Advice::Hold(pause) => {
            let until = TargetEffect::PauseUntil(later(now, pause.min(MAX_RETRY_AFTER)));
            return Settlement { target_effect: Some(until), ..Settlement::hand_back(delivery, now) };
        }
        Advice::Fail => (Verdict::Dead, None),
        Advice::TargetDown => (Verdict::Dead, Some(TargetEffect::Disable(cut(error.message.clone(), ERROR_BYTES)))),
    };
    let report = AttemptReport {
        status: error.status,
        duration,
        error_class: Some(error.class),
        error: Some(cut(error.message, ERROR_BYTES)),
        response: error.response.map(|response| cut(response, RESPONSE_BYTES)),
        detail: error.detail.filter(is_short).map(Arc::new),
    };
    Settlement::new(delivery, verdict, report, effect, now)
}

fn is_short(detail: &Payload) -> bool {
    detail.as_str().len() <= DETAIL_BYTES
}

/// Cuts a text to at most `max` bytes, at a character.
fn cut(mut text: String, max: usize) -> String {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
    }
    text
}
