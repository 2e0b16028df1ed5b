//! Settlements for tests: what comes of a claimed delivery, without a handler and a policy.

use std::time::Duration;

use jiff::Timestamp;

use crate::delivery::{AttemptReport, Delivery, ErrorClass, Settlement, TargetEffect, Verdict};

fn settlement(delivery: &Delivery, verdict: Verdict, report: AttemptReport, now: Timestamp) -> Settlement {
    Settlement { verdict, report, ..Settlement::hand_back(delivery, now) }
}

fn failure(class: ErrorClass, error: &str) -> AttemptReport {
    AttemptReport {
        duration: Duration::from_millis(12),
        error_class: Some(class),
        error: Some(error.to_owned()),
        ..AttemptReport::default()
    }
}

/// It was handled, with status 200 and an answer.
#[must_use]
pub fn done(delivery: &Delivery, now: Timestamp) -> Settlement {
    let report = AttemptReport {
        status: Some(200),
        duration: Duration::from_millis(12),
        response: Some("ok".to_owned()),
        ..AttemptReport::default()
    };
    settlement(delivery, Verdict::Done, report, now)
}

/// It was rightly not sent, and why.
#[must_use]
pub fn dropped(delivery: &Delivery, why: &str, now: Timestamp) -> Settlement {
    let report = AttemptReport { error: Some(why.to_owned()), ..AttemptReport::default() };
    settlement(delivery, Verdict::Dropped, report, now)
}

/// It failed with a timeout and is tried again at `due_at`.
#[must_use]
pub fn retry(delivery: &Delivery, due_at: Timestamp, now: Timestamp) -> Settlement {
    settlement(delivery, Verdict::RetryAt(due_at), failure(ErrorClass::TIMEOUT, "no answer"), now)
}

/// It failed for good, for this reason.
#[must_use]
pub fn dead(delivery: &Delivery, reason: &str, now: Timestamp) -> Settlement {
    settlement(delivery, Verdict::Dead, failure(ErrorClass::new("http_4xx"), reason), now)
}

/// It was not begun.
#[must_use]
pub fn handed_back(delivery: &Delivery, now: Timestamp) -> Settlement {
    Settlement::hand_back(delivery, now)
}

/// The same settlement with an effect on the target.
#[must_use]
pub fn affecting(settlement: Settlement, effect: TargetEffect) -> Settlement {
    Settlement { target_effect: Some(effect), ..settlement }
}
