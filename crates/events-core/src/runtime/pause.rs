//! Pauses between tries: growing while the store is away, spread so that processes differ.

use std::time::Duration;

/// Between looks for work that no wake-up announced; 1 s ± 20 %.
pub(crate) const POLL: Duration = Duration::from_secs(1);

/// A pause of about this long, different by up to a fifth each time.
pub(crate) fn about(duration: Duration) -> Duration {
    // The last digits of the time are random enough to keep processes from moving in step.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let share = f64::from(now.subsec_nanos() % 1_000) / 1_000.0;
    duration.mul_f64(0.8 + 0.4 * share)
}

/// Grows from 50 ms to 5 s while something fails, and starts over when it works again.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self(Self::FIRST)
    }

    pub(crate) fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = about(self.0);
        self.0 = (self.0 * 2).min(Self::LONGEST);
        pause
    }
}
