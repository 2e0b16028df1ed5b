//! A clock that goes with tokio's time, which tests pause and which then jumps from timer to timer.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{delivery::later, ports::Clock};

/// For tests with `start_paused`: retries that are due in hours run at once, in their order.
#[derive(Debug)]
pub struct PausedClock {
    start: Instant,
}

impl PausedClock {
    /// A clock that starts at 2026-01-01T00:00:00Z. To be made inside the runtime.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        const START: i64 = 1_767_225_600;
        later(Timestamp::from_second(START).unwrap_or(Timestamp::UNIX_EPOCH), self.start.elapsed())
    }
}
