//! The announcer: tells workers what is ready, those of this process by their bells and those of all
//! processes through the queue.
//!
//! Whoever routed an event is the first to know, and a worker beside it looks at once; the word that comes
//! back through the queue later finds the work taken, or brings it to another process.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::wake::Wake;
use crate::{
    delivery::HandlerName,
    event::Seq,
    ports::{DeliveryQueue, QueueError, Reference},
};

/// What is ready: events by handler.
pub(super) type Ready = BTreeMap<HandlerName, Vec<Seq>>;

/// Announcements that wait for the queue. Beyond, workers are left to look for themselves: whoever
/// routes never waits for a queue.
const WAITING: usize = 64;

/// Tells who should know that there is work. Never waits and never fails.
#[derive(Clone)]
pub(super) struct Announcer {
    wake: Wake,
    queue: Option<mpsc::Sender<Ready>>,
}

impl Announcer {
    /// Announces within the process, and through `queue` where there is one.
    pub(super) fn start(
        wake: Wake,
        queue: Option<Arc<dyn DeliveryQueue>>,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Self {
        let queue = queue.map(|queue| {
            let (sender, announcements) = mpsc::channel(WAITING);
            tasks.spawn(push_all(queue, announcements, stop));
            sender
        });
        Self { wake, queue }
    }

    /// These have deliveries that are due now.
    pub(super) fn ready(&self, ready: Ready) {
        ready.keys().for_each(|handler| self.wake.lane(handler));
        if let Some(queue) = self.queue.as_ref().filter(|_| !ready.is_empty()) {
            let _ = queue.try_send(ready); // workers of other processes look for themselves
        }
    }
}

/// Has an engine look for work that it cannot know of: somebody changed the store from outside.
#[derive(Clone)]
pub struct Waker {
    announcer: Announcer,
    handlers: Arc<[HandlerName]>,
}

impl Waker {
    pub(super) fn new(announcer: Announcer, handlers: Vec<HandlerName>) -> Self {
        Self { announcer, handlers: handlers.into() }
    }

    /// There are unrouted events.
    pub fn router(&self) {
        self.announcer.wake.router();
    }

    /// There may be unrouted events, and due deliveries of any handler, for workers of any process.
    pub fn all(&self) {
        self.announcer.wake.router();
        self.announcer.ready(self.handlers.iter().map(|handler| (handler.clone(), Vec::new())).collect());
    }
}

/// Pushes what is announced, together what has gathered, until `stop`.
async fn push_all(queue: Arc<dyn DeliveryQueue>, mut announcements: mpsc::Receiver<Ready>, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(WAITING);
    loop {
        tokio::select! {
            biased;
            received = announcements.recv_many(&mut batch, WAITING) => if received == 0 { return },
            () = stop.cancelled() => return,
        }
        let mut ready = Ready::new();
        for (handler, seqs) in batch.drain(..).flatten() {
            ready.entry(handler).or_default().extend(seqs);
        }
        let pushed = tokio::select! {
            biased;
            pushed = push(&*queue, &ready) => pushed,
            () = stop.cancelled() => return,
        };
        if let Err(error) = pushed {
            tracing::debug!("Failed to announce what is ready, workers look for themselves: {error}");
        }
    }
}

/// Pushes, and once more when it is unknown whether the word has come through.
async fn push(queue: &dyn DeliveryQueue, ready: &Ready) -> Result<(), QueueError> {
    let references = || -> Vec<Reference> {
        let about = |(handler, seqs): (&HandlerName, &Vec<Seq>)| match seqs.is_empty() {
            true => vec![Reference { handler: handler.clone(), seqs: Vec::new() }],
            false => Reference::about(handler, seqs).collect(),
        };
        ready.iter().flat_map(about).collect()
    };
    match queue.push(references()).await {
        Err(QueueError::Unknown(_)) => queue.push(references()).await,
        pushed => pushed,
    }
}
