//! The queue port: word of work that is ready, from the router to the workers of all processes.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::places;
use crate::{delivery::HandlerName, event::Seq};

/// Carries word that deliveries are ready from whoever made them to whoever works on them.
///
/// The store is the only truth. A reference says "there is something to do now", and a worker that
/// gets one claims what is due; which deliveries those are, the store decides, so that fairness and
/// pace hold whatever way the word came. A reference may therefore come twice, late, to the wrong
/// process or never: workers look for themselves about once a second, and the queue only makes
/// them look sooner.
///
/// Without a queue the workers of one process are woken within the process.
///
/// # Promises of an implementation
/// - Dropping a future of any method loses nothing.
/// - Dropping the queue is dying: what it had received and not acknowledged goes to others.
/// - It reconnects by itself for as long as it lives, and answers [`QueueError`] meanwhile. No
///   method waits for a connection.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
#[async_trait]
pub trait DeliveryQueue: Send + Sync {
    /// Says that there is something to do. After `Ok` the word outlives this process, as far as
    /// the queue can keep it; word that is kept already may be joined with new word.
    async fn push(&self, references: Vec<Reference>) -> Result<(), QueueError>;

    /// Waits for word for `handler`: at least one reference, at most `limit`. The first call makes this
    /// process one that word for `handler` may go to. What another process has pushed may come without
    /// saying which events it is about.
    async fn receive(&self, handler: &HandlerName, limit: usize) -> Result<Vec<Received>, QueueError>;

    /// What these led to is settled: they need not come again. `Ok` means that the queue was told, not
    /// that it has heard: they may come again if it was lost at that moment. Receipts of a lost
    /// connection are ignored.
    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError>;

    /// These led to nothing here: they come again, to whoever asks first.
    async fn nack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError>;
}

const _: Option<&dyn DeliveryQueue> = None; // usable as a trait object

/// Word that events have deliveries that are ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Whose deliveries.
    pub handler: HandlerName,
    /// Of which events, by their places in the log; for people who look into the queue. In JSON, `[20, 51]` stands
    /// for 20 and what follows up to 51.
    #[serde(with = "places")]
    pub seqs: Vec<Seq>,
}

impl Reference {
    /// Events in one reference at most. With more in one, fewer processes would learn of a burst.
    pub const MOST: usize = 32;

    /// Word for `handler` about these events, in as few references as they fit into. Each stays below 200 bytes as
    /// JSON: 32 events that follow each other fit into one, and of those that do not, eight.
    pub fn about(handler: &HandlerName, seqs: &[Seq]) -> impl Iterator<Item = Self> {
        let mut rest = seqs;
        std::iter::from_fn(move || {
            let (seqs, after) = rest.split_at(places::fitting(rest));
            rest = after;
            (!seqs.is_empty()).then(|| Self { handler: handler.clone(), seqs: seqs.to_vec() })
        })
    }
}

/// A reference, and what acknowledges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// What came.
    pub reference: Reference,
    /// To be given back with [`DeliveryQueue::ack`] or [`DeliveryQueue::nack`].
    pub receipt: Receipt,
}

/// Names a received reference to the queue it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub u64);

/// Why word could not be sent or heard. The store has everything all the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no connection, or it broke meanwhile; workers look for themselves until it is back.
    #[error("the queue is unavailable: {0}")]
    Unavailable(String),
    /// It may or may not have been said. Saying it again is safe.
    #[error("the queue did not confirm: {0}")]
    Unknown(String),
}
