//! Statistics: one process counts what was recorded since it last looked, every few seconds.
//!
//! A step and the position of counting are one commit ([`Statistics::count`]), so a process that is killed in the
//! middle counts nothing twice, and whoever goes on leaves nothing out.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    delivery::HandlerName,
    ports::{Clock, Leadership, Statistics, StoreError},
    statistics::Day,
};

/// Between looks. What was recorded in between is counted by each reader for itself.
const TICK: Duration = Duration::from_secs(5);
/// Between steps while there is more: others shall have the store for most of the time.
const BETWEEN_STEPS: Duration = Duration::from_millis(50);
/// Attempts, and events, in one step.
const BATCH: usize = 10_000;
/// How long a process counts without asking again; another takes over after this.
const TERM: Duration = Duration::from_secs(15);
/// The task that is led.
const TASK: &str = "statistics";
/// Days that counts are kept.
const KEPT_DAYS: u16 = 90;
/// Counts removed in one commit, so that none holds the store for long.
const FORGOTTEN: usize = 500;

/// What counting works with.
pub(crate) struct Counting {
    pub(crate) statistics: Arc<dyn Statistics>,
    /// Whose attempts are counted.
    pub(crate) handlers: Vec<HandlerName>,
    /// Chooses the process that counts; without it, this one does.
    pub(crate) leadership: Option<Arc<dyn Leadership>>,
    /// Name of this process.
    pub(crate) worker: String,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Counting {
    /// Counts until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut forgotten = None;
        loop {
            let pause = match self.step(&mut forgotten).await {
                Ok(true) => BETWEEN_STEPS,
                Ok(false) => TICK,
                Err(error) => {
                    tracing::warn!("Failed to count for the statistics, trying again: {error}");
                    TICK
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => break,
            }
        }
        if let Some(leadership) = &self.leadership
            && let Err(error) = leadership.resign(TASK, &self.worker).await
        {
            tracing::debug!("Failed to resign, the next leader waits for the end of the term: {error}");
        }
    }

    /// Makes a step if there is something to count, and once a day forgets what is old. Answers whether there is more.
    async fn step(&self, forgotten: &mut Option<Day>) -> Result<bool, StoreError> {
        let found = self.statistics.uncounted(&self.handlers, BATCH).await?;
        // Asking who leads is a commit, so nobody asks while there is nothing to do.
        let Some(step) = found.step() else { return Ok(false) };
        if !self.leads().await? {
            return Ok(false);
        }
        // Whoever overtook us has counted it.
        let is_counted = self.statistics.count(step).await?;
        let oldest = Day::of(self.clock.now()).minus(KEPT_DAYS);
        if *forgotten != Some(oldest) {
            while self.statistics.forget(oldest, FORGOTTEN).await? > 0 {}
            *forgotten = Some(oldest);
        }
        Ok(is_counted && found.more)
    }

    async fn leads(&self) -> Result<bool, StoreError> {
        match &self.leadership {
            Some(leadership) => leadership.lead(TASK, &self.worker, TERM, self.clock.now()).await,
            None => Ok(true),
        }
    }
}
