//! The task that owns the publishing connection.
//!
//! Publishing has a task of its own so that nobody else can leave the channel half used: a push
//! that is dropped has handed its references over already. It has a connection of its own because
//! a broker with an alarm stops reading from whoever publishes, and acknowledgements must go on.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use events_core::{delivery::HandlerName, ports::QueueError};
use lapin::{Channel, Connection, options::ConfirmSelectOptions};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Address,
    backoff::Backoff,
    batch::{Batch, Ids, Push},
    depth::QueueDepth,
    health::{Health, Part},
    link::{Interruption, Link, Plug, Watch, reason},
    topology::{self, Names},
};

/// Pushes that wait for the one under way, at most. They share the next batch.
pub(crate) const WAITING: usize = 64;

/// Where the answer to "how much waits in the queues" goes.
pub(crate) type Question = oneshot::Sender<Result<Vec<QueueDepth>, QueueError>>;

pub(crate) struct Publisher {
    pub(crate) address: Arc<Address>,
    pub(crate) names: Names,
    pub(crate) handlers: Vec<HandlerName>,
    pub(crate) passive: bool,
    pub(crate) confirm_timeout: Duration,
    pub(crate) plug: Plug,
    pub(crate) inbox: Inbox,
}

/// What others want of the publisher.
pub(crate) struct Inbox {
    pub(crate) pushes: mpsc::Receiver<Push>,
    /// Asked of the publisher because its connection is there whatever the process does.
    pub(crate) questions: mpsc::Receiver<Question>,
    pub(crate) closing: CancellationToken,
    pub(crate) health: Arc<Health>,
}

/// Why a part of the work ended.
enum Ended {
    Interrupted(Interruption),
    /// Somebody asked for it, or nobody is left who could push.
    Closing,
}

impl From<Interruption> for Ended {
    fn from(interruption: Interruption) -> Self {
        Self::Interrupted(interruption)
    }
}

impl From<lapin::Error> for Ended {
    fn from(error: lapin::Error) -> Self {
        Interruption::Lost(reason(&error)).into()
    }
}

/// What comes next.
enum Wish {
    Push(Push),
    Question(Question),
}

impl Publisher {
    /// Connects, publishes, and connects again, until it is closed.
    pub(crate) async fn run(mut self) {
        let ids = Ids::new(RandomState::new().hash_one(std::process::id()));
        let mut next = 1;
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let Err(Ended::Interrupted(interruption)) = self.connection(&ids, &mut next).await else { return };
            self.inbox.tell(&interruption);
            let pause = tokio::time::sleep(backoff.after(begun.elapsed()));
            if self.inbox.refusing(pause).await.is_err() {
                return;
            }
        }
    }

    /// One connection, from its beginning to its end.
    async fn connection(&mut self, ids: &Ids, next: &mut u64) -> Result<(), Ended> {
        let open = Link::open(&self.address, "publishing", &self.plug);
        let mut link = self.inbox.refusing(open).await?.map_err(Interruption::Lost)?;
        loop {
            let Err(ended) = self.channel(&link.connection, &mut link.watch, ids, next).await;
            match ended {
                // How much of the channel the broker has read, nobody knows; the next one is new.
                Ended::Interrupted(alarm @ Interruption::Blocked(_)) => {
                    self.inbox.tell(&alarm);
                    self.inbox.refusing(link.watch.resumption()).await??;
                    self.inbox.health.unblocked();
                }
                Ended::Interrupted(_) => return Err(ended),
                Ended::Closing => {
                    link.close().await;
                    return Err(ended);
                }
            }
        }
    }

    /// One channel: opened when everything is there that must be, and used until something happens.
    async fn channel(
        &mut self,
        connection: &Connection,
        watch: &mut Watch,
        ids: &Ids,
        next: &mut u64,
    ) -> Result<Infallible, Ended> {
        let open = open(connection, &self.names, &self.handlers, self.passive);
        let (channel, faults) = self.inbox.refusing(uninterrupted(watch, open)).await???;
        self.inbox.health.faults(&faults);
        self.inbox.health.up(Part::Publishing);
        loop {
            match uninterrupted(watch, self.inbox.next()).await?? {
                Wish::Push(push) => {
                    let mut batch = Batch::gather(push, &mut self.inbox.pushes, *next);
                    *next = batch.end();
                    let publish = batch.publish(&channel, &self.names, ids, self.confirm_timeout);
                    let published = uninterrupted(watch, publish).await;
                    let published = published.and_then(|published| published.map_err(Interruption::Lost));
                    if let Err(interruption) = &published {
                        self.inbox.tell(interruption); // first, so that who says it again is refused at once
                    }
                    batch.answer(published.as_ref().err().map_or("", Interruption::reason));
                    published?;
                }
                Wish::Question(question) => {
                    let depths = uninterrupted(watch, depths(connection, &self.names, &self.handlers)).await?;
                    drop(question.send(Ok(depths?))); // nobody may be waiting
                }
            }
        }
    }
}

impl Inbox {
    /// From now on nobody need ask.
    fn tell(&self, interruption: &Interruption) {
        match interruption {
            Interruption::Blocked(reason) => self.health.blocked(reason),
            Interruption::Lost(reason) => self.health.down(Part::Publishing, reason),
        }
    }

    async fn next(&mut self) -> Result<Wish, Ended> {
        tokio::select! {
            () = self.closing.cancelled() => Err(Ended::Closing),
            push = self.pushes.recv() => push.map(Wish::Push).ok_or(Ended::Closing),
            question = self.questions.recv() => question.map(Wish::Question).ok_or(Ended::Closing),
        }
    }

    /// Does something while there is no connection that could be used, and tells everybody so:
    /// who asks in the meantime gets an answer at once.
    async fn refusing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(work);
        loop {
            let wish = tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                wish = self.next() => wish?,
            };
            let error = self.health.may_push().err();
            let error = error.unwrap_or_else(|| QueueError::Unavailable("it is being connected".to_owned()));
            match wish {
                Wish::Push(push) => push.refuse(error),
                Wish::Question(question) => drop(question.send(Err(error))), // nobody may be waiting
            }
        }
    }
}

/// Works on a connection until the work is done or the connection is of no use. What is done is
/// done, even if the connection broke at the same moment.
async fn uninterrupted<T>(watch: &mut Watch, work: impl Future<Output = T>) -> Result<T, Interruption> {
    tokio::select! {
        biased;
        done = work => Ok(done),
        interruption = watch.interruption() => Err(interruption),
    }
}

/// Declares the topology and opens a channel that confirms.
async fn open(
    connection: &Connection,
    names: &Names,
    handlers: &[HandlerName],
    passive: bool,
) -> Result<(Channel, Vec<String>), Ended> {
    let faults = topology::ensure(connection, names, handlers, passive).await.map_err(Interruption::Lost)?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((channel, faults))
}

async fn depths(connection: &Connection, names: &Names, handlers: &[HandlerName]) -> Result<Vec<QueueDepth>, Ended> {
    let mut depths = Vec::with_capacity(handlers.len());
    for handler in handlers {
        depths.push(QueueDepth::ask(connection, names, handler).await?);
    }
    Ok(depths)
}
