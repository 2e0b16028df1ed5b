//! A lane: claims the deliveries of one handler and sees each through to its settlement.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    execution::Execution,
    held::Held,
    settler::Settler,
    ticket::{Returns, Ticket},
};
use crate::{
    delivery::{Delivery, HandlerName, later},
    ports::{
        ClaimRequest, Clock, DeliveryQueue, EventHandler, EventHistory, EventStore, HandlerPolicy, Receipt, StoreError,
    },
    runtime::pause::{Backoff, POLL, about},
};

pub(super) struct Lane {
    pub(super) name: HandlerName,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) history: Arc<dyn EventHistory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) handler: Arc<dyn EventHandler>,
    pub(super) policy: HandlerPolicy,
    pub(super) lease_for: Duration,
    pub(super) worker: String,
    pub(super) bell: Arc<Notify>,
    pub(super) queue: Option<Arc<dyn DeliveryQueue>>,
    pub(super) returns: Returns,
    pub(super) settler: Settler,
    pub(super) stop: CancellationToken,
    pub(super) abort: CancellationToken,
}

/// What a lane knows about the store after a look.
enum Seen {
    /// There may be more due work than there was room for.
    More,
    /// Nothing else was due.
    Nothing,
}

impl Lane {
    /// Claims and handles until `stop`, then waits for what is under way.
    pub(super) async fn run(self) {
        let held = Held::default();
        let tasks = TaskTracker::new();
        let execution = Arc::new(Execution {
            handler: self.handler.clone(),
            policy: self.policy.clone(),
            history: self.history.clone(),
            clock: self.clock.clone(),
            settler: self.settler.clone(),
            held: held.clone(),
            slots: Semaphore::new(self.policy.concurrency.max(1)),
            stop: self.stop.clone(),
        });
        let renewing = self.renew(&held);
        let claiming = self.claim_and_wait(&held, &execution, &tasks);
        tokio::select! {
            () = claiming => {}
            () = renewing => {}
        }
        drop(execution);
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = self.renew(&held) => {}
            () = self.abort.cancelled() => {}
        }
    }

    async fn claim_and_wait(&self, held: &Held, execution: &Arc<Execution>, tasks: &TaskTracker) {
        // Three times the calls that are made at once: while one third is under way, the others are
        // fetched in one claim, since a claim costs the store more than what it gives out.
        // A digest is one call. If its deliveries counted, a slow target with a pile of them would
        // take the lane's whole room, and every other target would wait for it.
        let concurrency = self.policy.concurrency.max(1);
        let limit = concurrency * 3;
        let mut backoff = Backoff::new();
        let mut pause = Duration::ZERO;
        let mut seen = Seen::More;
        let mut word = Vec::new();
        while !self.stop.is_cancelled() {
            let room = limit.saturating_sub(held.calls());
            let worthwhile = room >= concurrency * 2;
            if worthwhile && matches!(seen, Seen::More) {
                match self.claim(room).await {
                    Ok(claimed) => {
                        backoff.reset();
                        seen = if claimed.len() >= room { Seen::More } else { Seen::Nothing };
                        let ticket = Ticket::new(std::mem::take(&mut word), claimed.len(), &self.returns);
                        held.add(&claimed, &ticket);
                        self.start(claimed, held, execution, tasks);
                        pause = Duration::ZERO;
                    }
                    Err(error) => {
                        tracing::warn!(handler = %self.name, "Failed to claim deliveries, trying again: {error}");
                        pause = backoff.next();
                        seen = Seen::Nothing;
                    }
                }
                continue;
            }
            if let Seen::More = seen {
                tokio::select! {
                    () = held.freed() => {}
                    () = self.stop.cancelled() => {}
                }
                // Calls that are over, too, are counted first: with a quick handler, the next claim takes all
                // there is room for instead of the half that was free a moment ago.
                tokio::task::yield_now().await;
            } else {
                seen = self.wait_for_work(pause, limit, &mut word).await;
            }
        }
        self.returns.give(word, false);
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        let request = ClaimRequest {
            handler: self.name.clone(),
            worker: self.worker.clone(),
            limit,
            lease_for: self.lease_for,
            pacing: self.policy.pacing.clone(),
            now: self.clock.now(),
        };
        self.store.claim(request).await
    }

    /// Waits for a wake-up, for word from the queue, for the next due delivery, or for the next poll.
    /// The pause, where there is one, comes first: the store has just failed.
    async fn wait_for_work(&self, pause: Duration, limit: usize, word: &mut Vec<Receipt>) -> Seen {
        if !pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(pause) => return Seen::More,
                () = self.stop.cancelled() => return Seen::Nothing,
            }
        }
        let next_due = self.store.next_due(&self.name).await.unwrap_or_else(|error| {
            tracing::warn!(handler = %self.name, "Failed to ask for the next due delivery: {error}");
            None
        });
        let until_due = next_due.map(|due| {
            let wait = due.duration_since(self.clock.now());
            Duration::try_from(wait).unwrap_or(Duration::ZERO)
        });
        let (wait, seen) = match until_due {
            Some(wait) if wait < POLL => (wait, Seen::More),
            _ => (about(POLL), Seen::Nothing),
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Seen::Nothing,
            () = self.bell.notified() => Seen::More,
            receipts = self.word(limit) => {
                word.extend(receipts);
                Seen::More
            }
            () = tokio::time::sleep(wait) => seen,
        }
    }

    /// Waits for word from the queue; for ever where there is none, or while it is away.
    async fn word(&self, limit: usize) -> Vec<Receipt> {
        let Some(queue) = &self.queue else { return std::future::pending().await };
        match queue.receive(&self.name, limit).await {
            Ok(received) => received.into_iter().map(|received| received.receipt).collect(),
            Err(error) => {
                tracing::debug!(handler = %self.name, "No word from the queue, looking without it: {error}");
                std::future::pending().await
            }
        }
    }

    /// Starts handling. Without pacing each delivery goes its own way; with pacing those of one
    /// target go in order, or as one digest.
    fn start(&self, claimed: Vec<Delivery>, held: &Held, execution: &Arc<Execution>, tasks: &TaskTracker) {
        let Some(pacing) = &self.policy.pacing else {
            for delivery in claimed {
                tasks.spawn(execution.clone().one(delivery));
            }
            return;
        };
        let mut rest = claimed;
        while let Some(first) = rest.first() {
            let same_target = rest.iter().take_while(|delivery| delivery.target == first.target).count();
            let group: Vec<_> = rest.drain(..same_target).collect();
            if group.len() > pacing.digest_over {
                held.join(&group);
                tasks.spawn(execution.clone().digest(group));
            } else {
                tasks.spawn(execution.clone().in_order(group));
            }
        }
    }

    /// Renews claims that are held for long: those waiting for a slot, mostly. Never ends.
    async fn renew(&self, held: &Held) {
        loop {
            tokio::time::sleep(self.lease_for / 3).await;
            let now = self.clock.now();
            let ending = held.ending_before(later(now, self.lease_for / 2));
            if ending.is_empty() {
                continue;
            }
            let until = later(now, self.lease_for);
            match self.store.renew(ending.clone(), until).await {
                Ok(lost) => held.renewed(&ending, &lost, until),
                Err(error) => {
                    tracing::warn!(handler = %self.name, "Failed to renew leases, trying again: {error}");
                }
            }
        }
    }
}
