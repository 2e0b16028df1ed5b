//! The settler: ends claims in batches.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::ticket::Ticket;
use crate::{
    delivery::{Settlement, Verdict},
    ports::{EventStore, StoreError},
    runtime::{pause::Backoff, wake::Wake},
};

/// Settlements in one commit at most. Large, since each commit waits for the disk: a backlog is worked off a tenth faster
/// than with half of that.
const BATCH: usize = 1_024;
/// How long the first of a batch waits for company. Nobody waits for a settlement, so two
/// milliseconds cost nothing, and under load they turn hundreds of commits into one.
const GATHER: Duration = Duration::from_millis(2);

/// Takes settlements from all lanes. When the store does not keep up, lanes wait here.
#[derive(Clone)]
pub(super) struct Settler(mpsc::Sender<Ended>);

/// A settlement, and the word that led to its claim.
type Ended = (Settlement, Option<Arc<Ticket>>);

impl Settler {
    pub(super) fn start(store: Arc<dyn EventStore>, wake: Wake, tasks: &TaskTracker, abort: CancellationToken) -> Self {
        let (sender, receiver) = mpsc::channel(2 * BATCH);
        tasks.spawn(settle_all(store, wake, receiver, abort));
        Self(sender)
    }

    /// Waits for room. There is no settlement yet: one that waits would double what every execution takes in memory.
    pub(super) async fn permit(&self) -> Permit<'_> {
        // The settler lives as long as a sender does, except when it was told to give up.
        Permit(self.0.reserve().await.ok())
    }
}

/// Room for one settlement; none with a settler that has given up.
pub(super) struct Permit<'a>(Option<mpsc::Permit<'a, Ended>>);

impl Permit<'_> {
    pub(super) fn settle(self, settlement: Settlement, ticket: Option<Arc<Ticket>>) {
        if let Some(permit) = self.0 {
            permit.send((settlement, ticket));
        }
    }
}

async fn settle_all(
    store: Arc<dyn EventStore>,
    wake: Wake,
    mut queue: mpsc::Receiver<Ended>,
    abort: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let received = tokio::select! {
            biased;
            received = queue.recv_many(&mut batch, BATCH) => received,
            () = abort.cancelled() => return,
        };
        if received == 0 {
            return;
        }
        let deadline = Instant::now() + GATHER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            match timeout_at(deadline, queue.recv_many(&mut batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        let (settlements, tickets): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        if !settle(&*store, &settlements, &abort).await {
            return;
        }
        for (settled, ticket) in settlements.iter().zip(tickets) {
            if matches!(settled.verdict, Verdict::RetryAt(_) | Verdict::HandedBack) {
                wake.lane(&settled.handler);
            }
            match (ticket, &settled.verdict) {
                (Some(ticket), Verdict::HandedBack) => ticket.handed_back(),
                (Some(ticket), _) => ticket.settled(),
                (None, _) => {}
            }
        }
    }
}

/// Tries until the store takes the batch, or until `abort`. Settling twice is safe: the second
/// time the claims are gone.
async fn settle(store: &dyn EventStore, batch: &[Settlement], abort: &CancellationToken) -> bool {
    let mut backoff = Backoff::new();
    loop {
        match store.settle(batch.to_vec()).await {
            Ok(summary) => {
                if !summary.fenced.is_empty() {
                    let fenced = &summary.fenced;
                    tracing::warn!(?fenced, "Settled too late: the deliveries have gone to another worker");
                }
                return true;
            }
            Err(StoreError::Corrupt(reason)) => {
                tracing::error!("Failed to settle deliveries, leaving them to their leases: {reason}");
                return true;
            }
            Err(error) => {
                let pause = backoff.next();
                tracing::warn!(deliveries = batch.len(), ?pause, "Failed to settle deliveries, trying again: {error}");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = abort.cancelled() => return false,
                }
            }
        }
    }
}
