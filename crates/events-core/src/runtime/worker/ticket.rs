//! What a claim owes the queue: word is acknowledged when everything it led to is settled, and
//! comes again when some of it is handed back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::ports::{DeliveryQueue, QueueError, Receipt};

/// Receipts given back at once, at most.
const BATCH: usize = 1_024;

/// Word that was received, and how many deliveries of the claim it led to are not settled yet.
///
/// A ticket that is dropped before gives nothing back: when its process ends, the queue gives the
/// word to another.
#[derive(Debug)]
pub(super) struct Ticket {
    receipts: Vec<Receipt>,
    open: AtomicUsize,
    is_given_back: AtomicBool,
    returns: Returns,
}

impl Ticket {
    /// Word that led to a claim of so many deliveries.
    pub(super) fn new(receipts: Vec<Receipt>, claimed: usize, returns: &Returns) -> Arc<Self> {
        let (open, is_given_back) = (AtomicUsize::new(claimed), AtomicBool::new(false));
        let ticket = Self { receipts, open, is_given_back, returns: returns.clone() };
        if claimed == 0 {
            ticket.give_back(true);
        }
        Arc::new(ticket)
    }

    /// One of the deliveries is settled, durably, or lost to somebody else.
    pub(super) fn settled(&self) {
        if self.open.fetch_sub(1, SeqCst) == 1 {
            self.give_back(true);
        }
    }

    /// One of the deliveries was handed back: somebody else is to have the word, and at once.
    pub(super) fn handed_back(&self) {
        self.give_back(false);
    }

    fn give_back(&self, acknowledge: bool) {
        if !self.receipts.is_empty() && !self.is_given_back.swap(true, SeqCst) {
            self.returns.give(self.receipts.clone(), acknowledge);
        }
    }
}

/// Takes receipts back to the queue, without anybody waiting for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Returns(Option<mpsc::UnboundedSender<(Vec<Receipt>, bool)>>);

impl Returns {
    /// Returns to `queue` until all tickets are gone, or `abort`. Bounded by what the queue lets a
    /// process hold without acknowledging.
    pub(super) fn start(queue: Option<Arc<dyn DeliveryQueue>>, tasks: &TaskTracker, abort: CancellationToken) -> Self {
        Self(queue.map(|queue| {
            let (sender, receipts) = mpsc::unbounded_channel();
            tasks.spawn(return_all(queue, receipts, abort));
            sender
        }))
    }

    /// Acknowledges or refuses these.
    pub(super) fn give(&self, receipts: Vec<Receipt>, acknowledge: bool) {
        if let Some(sender) = &self.0
            && !receipts.is_empty()
        {
            let _ = sender.send((receipts, acknowledge)); // it is gone only when the worker gives up
        }
    }
}

async fn return_all(
    queue: Arc<dyn DeliveryQueue>,
    mut receipts: mpsc::UnboundedReceiver<(Vec<Receipt>, bool)>,
    abort: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            received = receipts.recv_many(&mut batch, BATCH) => if received == 0 { return },
            () = abort.cancelled() => return,
        }
        let (done, refused): (Vec<_>, Vec<_>) = batch.drain(..).partition(|(_, acknowledge)| *acknowledge);
        let flat =
            |returns: Vec<(Vec<Receipt>, bool)>| returns.into_iter().flat_map(|(receipts, _)| receipts).collect();
        let returned = async {
            queue.ack(flat(done)).await?;
            queue.nack(flat(refused)).await
        };
        let returned: Result<(), QueueError> = tokio::select! {
            biased;
            returned = returned => returned,
            () = abort.cancelled() => return,
        };
        if let Err(error) = returned {
            // The queue lost its connection, and with it what it had given out: it comes again.
            tracing::debug!("Failed to give word back to the queue: {error}");
        }
    }
}
