//! Waiting: for a condition, up to a limit.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The limit where no bound is promised: long enough for a busy machine, short enough to notice.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `look` answers something. A look that begins within the limit may take [`PATIENCE`] longer.
///
/// # Panics
/// When that has not happened within the limit, or a look does not end; `what` completes "waited in vain for".
pub async fn eventually<T>(what: &str, limit: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        let looked = timeout_at(deadline + PATIENCE, look()).await;
        if let Ok(Some(seen)) = looked {
            return seen;
        }
        assert!(looked.is_ok(), "waited in vain for {what}, {limit:?}: the last look did not end");
        assert!(Instant::now() < deadline, "waited in vain for {what}, {limit:?}");
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited in vain for a sign, 1s: the last look did not end")]
    async fn a_look_that_does_not_end_is_not_waited_for() {
        eventually("a sign", Duration::from_secs(1), async || pending::<Option<()>>().await).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "waited in vain for a sign, 1s")]
    async fn what_does_not_come_is_waited_for_until_the_limit() {
        eventually("a sign", Duration::from_secs(1), async || None::<()>).await;
    }
}
