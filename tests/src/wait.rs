//! Waiting: for a condition, up to a limit.

use std::time::{Duration, Instant};

/// The limit where no bound is promised: long enough for a busy machine, short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `look` answers something.
///
/// # Panics
/// When that has not happened within the limit; `what` completes "waited in vain for".
pub async fn eventually<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}, {limit:?}");
        tokio::time::sleep(LOOK).await;
    }
}
