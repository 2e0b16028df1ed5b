//! Claims for tests: ask for everything at the start, and say only what differs.

use std::time::Duration;

use jiff::Timestamp;

use super::at;
use crate::{
    delivery::{HandlerName, Pacing},
    ports::{Allowances, ClaimRequest},
};

/// Asks for up to a hundred deliveries of a handler, for thirty seconds, at the start of
/// [`ManualClock`](super::ManualClock).
#[must_use]
pub fn claim(handler: &str) -> ClaimBuilder {
    ClaimBuilder(ClaimRequest {
        handler: HandlerName::from(handler),
        worker: "test-worker".to_owned(),
        limit: 100,
        lease_for: Duration::from_secs(30),
        pacing: None,
        allowances: Allowances::default(),
        now: at(0),
    })
}

/// A claim in the making.
#[derive(Clone, Debug)]
pub struct ClaimBuilder(ClaimRequest);

impl ClaimBuilder {
    /// At this time.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.0.now = now;
        self
    }

    /// At most this many.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.0.limit = limit;
        self
    }

    /// For this many seconds.
    #[must_use]
    pub fn lease(mut self, seconds: u64) -> Self {
        self.0.lease_for = Duration::from_secs(seconds);
        self
    }

    /// At this rate.
    #[must_use]
    pub fn paced(mut self, pacing: &Pacing) -> Self {
        self.0.pacing = Some(pacing.clone());
        self
    }

    /// With so much for each target that is not named.
    #[must_use]
    pub fn each(mut self, most: usize) -> Self {
        self.0.allowances.each = most;
        self
    }

    /// With so much for this target.
    #[must_use]
    pub fn allowing(mut self, target: &str, most: usize) -> Self {
        self.0.allowances.of.insert(target.into(), most);
        self
    }

    /// For this worker.
    #[must_use]
    pub fn worker(mut self, worker: &str) -> Self {
        self.0.worker = worker.to_owned();
        self
    }

    /// The request.
    #[must_use]
    pub fn build(self) -> ClaimRequest {
        self.0
    }
}
