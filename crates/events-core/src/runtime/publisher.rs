//! The publisher: events become durable.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::{
    commits::{self, Call},
    wake::Wake,
};
use crate::{
    event::{Event, EventId, InvalidEvent, Limits, Metadata, NewEvent},
    ports::{Appended, Clock, EventStore, IdGenerator, StoreError},
};

/// What the publisher needs to make an [`Event`] of a [`NewEvent`].
#[derive(Clone)]
pub struct PublisherOptions {
    /// What is too much.
    pub limits: Limits,
    /// Source and environment of events that name none.
    pub origin: Metadata,
    /// Time of recording.
    pub clock: Arc<dyn Clock>,
    /// Ids of events that bring none.
    pub ids: Arc<dyn IdGenerator>,
    /// Commits that may be under way at the same time; 1 where the store makes one after the other. The next one begins
    /// only when its batch is full, or the one before takes long.
    pub commits_at_once: usize,
}

/// Publishes events: `Ok` means durable.
///
/// Calls that arrive while a commit is under way share the next one, so a thousand callers cost
/// little more than one. Cloning is cheap; all clones share the queue. Who awaits one call before the
/// next finds its events in that order in the log.
///
/// Giving up on a call (dropping its future) leaves the event published or not, never half.
#[derive(Clone)]
pub struct Publisher {
    calls: mpsc::Sender<Call>,
    options: Arc<PublisherOptions>,
}

/// A published event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The event as it is stored; the first one, where it was published before.
    pub event: Arc<Event>,
    /// Whether it had been published before, with the same key or id.
    pub duplicate: bool,
}

/// Why an event was not published, and what the caller can do about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    /// The event is at fault; nothing was stored. Mend it.
    #[error("the event is refused: {0}")]
    Invalid(#[from] InvalidEvent),
    /// Its idempotency key or id belongs to an event with other content, which is named. Use another key.
    #[error("another event was published with the same {}: {existing}", if *by_key { "idempotency_key" } else { "event_id" })]
    Conflict {
        /// The event that has the key.
        existing: EventId,
        /// Whether the key clashes, or else the id.
        by_key: bool,
    },
    /// Nothing was stored. Try again later.
    #[error("nothing was published: {0}")]
    Unavailable(StoreError),
    /// It may or may not be stored. Publishing again with the same id or key is safe.
    #[error("it is unknown whether the event was published, try again with the same key: {0}")]
    Unknown(String),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unknown(reason) => Self::Unknown(reason),
            other => Self::Unavailable(other),
        }
    }
}

impl Publisher {
    /// Starts the commit loop; it ends when the last publisher is dropped.
    pub(crate) fn start(store: Arc<dyn EventStore>, options: PublisherOptions, wake: Wake) -> Self {
        let calls = commits::start(store, wake, options.commits_at_once.max(1));
        Self { calls, options: Arc::new(options) }
    }

    /// Publishes one event (R195–R198). `Ok` means durable: it survives kill -9 and power loss.
    ///
    /// # Errors
    /// [`PublishError`]; its variants say whether to mend the event or to try again.
    pub async fn publish(&self, event: NewEvent) -> Result<Published, PublishError> {
        let event = Arc::new(self.prepare(event)?);
        let appended = self.append(vec![event.clone()]).await?.pop();
        match appended {
            Some(outcome) => published(event, outcome),
            None => Err(PublishError::Unknown("the store gave no answer".to_owned())),
        }
    }

    /// Publishes events in one commit: all become durable together.
    ///
    /// # Errors
    /// When one event is refused ([`PublishError::Invalid`] names its place in the list), or the
    /// store fails, nothing is stored. A conflict concerns its own event only.
    pub async fn publish_all(
        &self,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Result<Published, PublishError>>, PublishError> {
        let complete = |(at, event)| self.prepare(event).map(Arc::new).map_err(|invalid| invalid.at(at));
        let events = events.into_iter().enumerate().map(complete).collect::<Result<Vec<_>, _>>()?;
        let outcomes = self.append(events.clone()).await?;
        Ok(events.into_iter().zip(outcomes).map(|(event, outcome)| published(event, outcome)).collect())
    }

    /// Checks a new event and fills in what it leaves out, as publishing does: what a store's
    /// `append_in` takes.
    ///
    /// # Errors
    /// [`InvalidEvent`], which names the field, the fault and the remedy.
    pub fn prepare(&self, event: NewEvent) -> Result<Event, InvalidEvent> {
        let PublisherOptions { limits, origin, clock, ids, .. } = &*self.options;
        event.into_event(origin, limits, &**ids, &**clock)
    }

    pub(super) fn now(&self) -> jiff::Timestamp {
        self.options.clock.now()
    }

    /// Hands checked events to the commit loop and waits until they are durable.
    pub(super) async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, PublishError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let closed = |_| PublishError::Unavailable(StoreError::Unavailable("the publisher has shut down".to_owned()));
        let (answer, outcome) = oneshot::channel();
        self.calls.send(Call { events, answer }).await.map_err(|_| closed(()))?;
        let lost = |_| PublishError::Unknown("the publisher ended before it answered".to_owned());
        Ok(outcome.await.map_err(lost)??)
    }
}

fn published(event: Arc<Event>, outcome: Appended) -> Result<Published, PublishError> {
    match outcome {
        Appended::Stored => Ok(Published { event, duplicate: false }),
        Appended::Existing(first) => Ok(Published { event: first, duplicate: true }),
        Appended::Conflict(existing) => Err(PublishError::Conflict { existing, by_key: existing != event.event_id }),
    }
}
