//! Maintenance: rescues deliveries of workers that died, and removes what was kept long enough.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{pause::about, wake::Wake};
use crate::ports::{Clock, EventStore, Leadership, PruneRequest, Pruned, StoreError};

/// Between looks for leases that ended; a worker that died is replaced within its lease and this.
const RESCUE: Duration = Duration::from_secs(5);
/// Between prunings.
const PRUNE: Duration = Duration::from_secs(60);
/// How long a process prunes for all without asking again; another takes over after this.
const TERM: Duration = Duration::from_secs(180);
/// The task that is led.
const UPKEEP: &str = "upkeep";
/// Rows changed in one commit, so that no commit holds the store for long.
const BATCH: usize = 500;

/// How long things are kept. Events are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Attempts of ended deliveries. 30 days by default.
    pub attempts: Duration,
    /// Dead letters. 30 days by default.
    pub dead_letters: Duration,
    /// Idempotency keys. 7 days by default.
    pub keys: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self { attempts: 30 * DAY, dead_letters: 30 * DAY, keys: 7 * DAY }
    }
}

pub(crate) struct Maintenance {
    pub(crate) store: Arc<dyn EventStore>,
    /// Chooses the process that prunes; without it, this one does.
    pub(crate) leadership: Option<Arc<dyn Leadership>>,
    /// Name of this process.
    pub(crate) worker: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wake: Wake,
    pub(crate) retention: Retention,
}

impl Maintenance {
    /// Rescues and prunes until `stop`. Every process rescues, so that a dead worker is replaced in
    /// time whoever else has died; one prunes.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut until_prune = Duration::ZERO;
        loop {
            if let Err(error) = self.rescue().await {
                tracing::warn!("Failed to release expired leases, trying again: {error}");
            }
            if until_prune.is_zero() {
                if let Err(error) = self.prune_if_leading().await {
                    tracing::warn!("Failed to prune, trying again: {error}");
                }
                until_prune = PRUNE;
            }
            tokio::select! {
                () = tokio::time::sleep(about(RESCUE).min(RESCUE)) => {}
                () = stop.cancelled() => return self.resign().await,
            }
            until_prune = until_prune.saturating_sub(RESCUE);
        }
    }

    /// Makes deliveries whose worker was not heard of again due.
    pub(crate) async fn rescue(&self) -> Result<usize, StoreError> {
        let mut released = 0;
        loop {
            let count = self.store.release_expired(self.clock.now(), BATCH).await?;
            released += count;
            if count > 0 {
                tracing::warn!(deliveries = count, "Released deliveries of a worker that was not heard of again");
                self.wake.all_lanes();
            }
            if count < BATCH {
                return Ok(released);
            }
        }
    }

    async fn prune_if_leading(&self) -> Result<(), StoreError> {
        if let Some(leadership) = &self.leadership
            && !leadership.lead(UPKEEP, &self.worker, TERM, self.clock.now()).await?
        {
            return Ok(());
        }
        self.prune().await
    }

    async fn resign(&self) {
        if let Some(leadership) = &self.leadership
            && let Err(error) = leadership.resign(UPKEEP, &self.worker).await
        {
            tracing::debug!("Failed to resign, the next leader waits for the end of the term: {error}");
        }
    }

    async fn prune(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let before = |age: Duration| now.checked_sub(age).unwrap_or(jiff::Timestamp::MIN);
        let Retention { attempts, dead_letters, keys } = self.retention;
        let request = PruneRequest {
            attempts_before: before(attempts),
            dead_letters_before: before(dead_letters),
            keys_before: before(keys),
            limit: BATCH,
        };
        loop {
            let Pruned { attempts, dead_letters, keys } = self.store.prune(request).await?;
            if attempts.max(dead_letters).max(keys) < BATCH {
                return Ok(());
            }
        }
    }
}
