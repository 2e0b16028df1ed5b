//! A lane: claims the deliveries of one handler and sees each through to its settlement.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    execution::Execution,
    held::Held,
    room::{Allowed, Room, left_of},
    settler::Settler,
    ticket::{Returns, Ticket},
    turns::Turns,
};
use crate::{
    delivery::{Delivery, HandlerName, Target, later},
    ports::{
        Allowances, ClaimRequest, Clock, DeliveryQueue, EventHandler, EventHistory, EventStore, HandlerPolicy, Receipt,
        StoreError, TargetLimits,
    },
    runtime::{
        openings::Opening,
        pause::{Backoff, POLL, about},
    },
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
    pub(super) opening: Arc<Opening>,
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
    /// There may be more for these targets, which hold as much as they are allowed, and for no other.
    Full(Vec<Allowed>),
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
            turns: Turns::default(),
            slots: Semaphore::new(self.policy.concurrency.max(1)),
            stop: self.stop.clone(),
        });
        let renewing = self.renew(&held);
        let claiming = self.claim_and_wait(&held, &execution, &tasks);
        tokio::select! {
            () = claiming => {}
            () = renewing => {}
        }
        execution.hand_back_all(self.opening.end()).await;
        execution.hand_back_all(execution.turns.take_all()).await;
        drop(execution);
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = self.renew(&held) => {}
            () = self.abort.cancelled() => {}
        }
    }

    async fn claim_and_wait(&self, held: &Held, execution: &Arc<Execution>, tasks: &TaskTracker) {
        // A digest is one call. If its deliveries counted, a slow target with a pile of them would
        // take the lane's whole room, and every other target would wait for it.
        let mut room = Room::new(self.policy.concurrency);
        let mut backoff = Backoff::new();
        let mut pause = Duration::ZERO;
        let mut seen = Seen::More;
        let mut word = Vec::new();
        while !self.stop.is_cancelled() {
            let handed = self.opening.close();
            if !handed.is_empty() {
                self.take(handed, held, execution, tasks);
                tokio::task::yield_now().await; // they begin before the store is asked what comes next
            }
            let limit = room.left(held);
            if limit > 0 && matches!(seen, Seen::More) {
                let limits = self.target_limits();
                let left = left_of(&limits, held);
                match self.claim(limit, left.clone()).await {
                    Ok(claimed) => {
                        backoff.reset();
                        let all = claimed.len() >= limit;
                        room.claimed(all && limits == TargetLimits::default(), Instant::now());
                        seen = if all { Seen::More } else { all_seen(&limits, &left, &claimed) };
                        let ticket = Ticket::new(std::mem::take(&mut word), claimed.len(), &self.returns);
                        held.add(&claimed, &limits, &ticket);
                        self.start(claimed, &limits, held, execution, tasks);
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
                let full = if let Seen::Full(full) = seen { Some(full) } else { None };
                // After a failure it waits without an eye on anything, so it is handed nothing.
                if limit > 0 && pause.is_zero() && self.policy.pacing.is_none() {
                    self.opening.open(self.request(limit, left_of(&self.target_limits(), held)));
                }
                seen = self.wait_for_work(pause, room.most(), &mut word, held, full).await;
            }
        }
        self.returns.give(word, false);
    }

    /// What the lane may have of each target. With pacing, that is the pace's to say.
    fn target_limits(&self) -> TargetLimits {
        if self.policy.pacing.is_some() { TargetLimits::default() } else { self.handler.target_limits() }
    }

    /// Takes what was handed over, for which there is no word.
    fn take(&self, handed: Vec<Delivery>, held: &Held, execution: &Arc<Execution>, tasks: &TaskTracker) {
        let limits = self.target_limits();
        held.add(&handed, &limits, &Ticket::new(Vec::new(), handed.len(), &self.returns));
        self.start(handed, &limits, held, execution, tasks);
    }

    async fn claim(&self, limit: usize, allowances: Allowances) -> Result<Vec<Delivery>, StoreError> {
        self.store.claim(self.request(limit, allowances)).await
    }

    fn request(&self, limit: usize, allowances: Allowances) -> ClaimRequest {
        ClaimRequest {
            handler: self.name.clone(),
            worker: self.worker.clone(),
            limit,
            lease_for: self.lease_for,
            pacing: self.policy.pacing.clone(),
            allowances,
            now: self.clock.now(),
        }
    }

    /// Waits for a wake-up, for something handed over, for word from the queue, for the next due delivery, or for the
    /// next poll.
    /// Of targets that are `full`, something is always due; for them it waits until they may have more. The
    /// pause, where there is one, comes first: the store has just failed.
    async fn wait_for_work(
        &self,
        pause: Duration,
        limit: usize,
        word: &mut Vec<Receipt>,
        held: &Held,
        full: Option<Vec<Allowed>>,
    ) -> Seen {
        if !pause.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(pause) => return Seen::More,
                () = self.stop.cancelled() => return Seen::Nothing,
            }
        }
        let (wait, seen) = match &full {
            // Of these something is due at any time, so the store need not be asked when.
            Some(_) => (about(POLL), Seen::More),
            None => self.until_due().await,
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Seen::Nothing,
            () = self.bell.notified() => Seen::More,
            () = self.opening.handed() => full.map_or(Seen::Nothing, Seen::Full),
            () = held.one_has_room(full.as_deref().unwrap_or_default()) => Seen::More,
            receipts = self.word(limit) => {
                word.extend(receipts);
                Seen::More
            }
            () = tokio::time::sleep(wait) => seen,
        }
    }

    /// How long there is nothing to do as far as the store knows, and what is to be seen then.
    async fn until_due(&self) -> (Duration, Seen) {
        let next_due = self.store.next_due(&self.name).await.unwrap_or_else(|error| {
            tracing::warn!(handler = %self.name, "Failed to ask for the next due delivery: {error}");
            None
        });
        let wait = next_due.map(|due| Duration::try_from(due.duration_since(self.clock.now())).unwrap_or_default());
        match wait {
            Some(wait) if wait < POLL => (wait, Seen::More),
            _ => (about(POLL), Seen::Nothing),
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

    /// Starts handling. With pacing the deliveries of one target go in order, or as one digest; without, as many
    /// at once as the target gets.
    fn start(
        &self,
        claimed: Vec<Delivery>,
        limits: &TargetLimits,
        held: &Held,
        execution: &Arc<Execution>,
        tasks: &TaskTracker,
    ) {
        let mut rest = claimed.into_iter().peekable();
        while let Some(target) = rest.peek().map(|delivery| delivery.target.clone()) {
            let group = std::iter::from_fn(|| rest.next_if(|delivery| delivery.target == target));
            let Some(pacing) = &self.policy.pacing else {
                let most = limits.of(&target).calls.min(self.policy.concurrency);
                for _ in 0..execution.turns.add(&target, group, most) {
                    tasks.spawn(execution.clone().calls(target.clone()));
                }
                continue;
            };
            let group: Vec<_> = group.collect();
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

/// After a claim that had room for more than it got: which targets may have more than was `left` of them.
fn all_seen(limits: &TargetLimits, left: &Allowances, claimed: &[Delivery]) -> Seen {
    let passed_over = left.of.iter().filter(|(_, left)| **left == 0).map(|(target, _)| target);
    let mut full: Vec<&Target> = passed_over.collect();
    for of_target in claimed.chunk_by(|one, next| one.target == next.target) {
        let target = &of_target[0].target;
        if of_target.len() >= left.of(target) {
            full.push(target);
        }
    }
    if full.is_empty() {
        return Seen::Nothing;
    }
    // Those that may hold nothing at all are looked at again with the next poll.
    let full = full.into_iter().map(|target| Allowed::of(target.clone(), limits));
    Seen::Full(full.filter(|allowed| allowed.limit.at_hand > 0).collect())
}
