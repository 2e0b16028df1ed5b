//! The references of one handler on their way to its worker.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use events_core::{
    delivery::HandlerName,
    ports::{QueueError, Receipt, Received},
};
use futures_util::{FutureExt, future::BoxFuture};
use lapin::{
    Channel,
    message::Delivery,
    options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions},
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tracing::warn;

use crate::{
    link::reason,
    message::{decode, excerpt},
    receipt::Generation,
    unsettled::{Frame, Unsettled},
};

/// A socket that takes nothing for so long is stuck; its heartbeats will find that out.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(1);

/// What has come for a handler and nobody has taken yet, and what was taken and is not settled.
/// The broker sends no more than the prefetch, so neither grows beyond it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) handler: HandlerName,
    state: Mutex<State>,
    /// Something has come, or nothing comes any more.
    told: Notify,
    /// Somebody has asked for references.
    asked: watch::Sender<bool>,
}

#[derive(Debug)]
enum State {
    Open(Open),
    /// Nothing comes, for this reason.
    Away(String),
}

/// A channel that consumes the handler's queue.
#[derive(Debug)]
struct Open {
    generation: Generation,
    channel: Channel,
    arrived: VecDeque<Received>,
    unsettled: Unsettled,
}

/// What a receipt is given back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    Again,
}

impl Lane {
    pub(crate) fn new(handler: HandlerName) -> Self {
        let state = Mutex::new(State::Away("not connected yet".to_owned()));
        Self { handler, state, told: Notify::new(), asked: watch::Sender::new(false) }
    }

    /// Waits until somebody has asked for the first time. Until then no reference must be sent
    /// here: it would lie in a process that does nothing with it, and no other would get it.
    pub(crate) async fn asked(&self) {
        drop(self.asked.subscribe().wait_for(|asked| *asked).await); // the sender is ours
    }

    /// References come over this channel from now on.
    pub(crate) fn open(&self, generation: Generation, channel: Channel) {
        let (arrived, unsettled) = (VecDeque::new(), Unsettled::default());
        *self.state() = State::Open(Open { generation, channel, arrived, unsettled });
    }

    /// The channel is gone, and what came over it comes again over another one, to whomever.
    pub(crate) fn close(&self, reason: &str) {
        *self.state() = State::Away(reason.to_owned());
        self.told.notify_waiters();
    }

    /// Keeps a message for whoever asks next; refuses one that cannot be read.
    ///
    /// # Errors
    /// The channel cannot be used any more.
    pub(crate) fn arrive(&self, delivery: &Delivery) -> Result<(), String> {
        let mut state = self.state();
        let State::Open(open) = &mut *state else { return Ok(()) };
        let kind = delivery.properties.kind().as_ref().map(|kind| kind.as_str());
        match decode(&self.handler, kind, &delivery.data) {
            Ok(reference) => {
                let receipt = open.generation.receipt(delivery.delivery_tag);
                let receipt = receipt.ok_or("the channel has delivered all it can count")?;
                open.unsettled.insert(delivery.delivery_tag);
                open.arrived.push_back(Received { reference, receipt });
            }
            Err(poison) => {
                warn!(
                    handler = %self.handler, bytes = delivery.data.len(), begins = %excerpt(&delivery.data), %poison,
                    "refused a message that is no reference"
                );
                // Not again: it would be no better the next time. It becomes a dead letter.
                let options = BasicRejectOptions { requeue: false };
                let (channel, tag) = (open.channel.clone(), delivery.delivery_tag);
                drop(begun(async move { channel.basic_reject(tag, options).await }));
            }
        }
        drop(state);
        self.told.notify_waiters();
        Ok(())
    }

    /// Waits for references. They are taken in the same step that hands them out, so a future that
    /// is dropped has taken none.
    pub(crate) async fn receive(&self, limit: usize) -> Result<Vec<Received>, QueueError> {
        self.asked.send_if_modified(|asked| !std::mem::replace(asked, true));
        loop {
            let told = self.told.notified();
            tokio::pin!(told);
            told.as_mut().enable(); // before the look, so that an arrival in between is not missed
            match &mut *self.state() {
                State::Away(reason) => return Err(QueueError::Unavailable(reason.clone())),
                State::Open(Open { arrived, .. }) if !arrived.is_empty() => {
                    let count = limit.clamp(1, arrived.len());
                    return Ok(arrived.drain(..count).collect());
                }
                State::Open(_) => {}
            }
            told.await;
        }
    }

    /// Gives back the receipts that are of this lane's channel and not given back yet.
    ///
    /// The frames are handed over before this returns. What it answers with, if there were any,
    /// waits until the socket has taken the last one; the broker itself answers none of them.
    /// Should they be lost with the connection, the messages come again.
    pub(crate) fn settle(
        &self,
        receipts: &[Receipt],
        settled: Settled,
    ) -> Option<impl Future<Output = Result<(), QueueError>> + Send + use<>> {
        let mut state = self.state();
        let State::Open(Open { generation, channel, unsettled, .. }) = &mut *state else { return None };
        let tags: BTreeSet<u64> = receipts.iter().filter_map(|receipt| generation.tag(*receipt)).collect();
        let mut last = None;
        for Frame { tag, multiple } in unsettled.settle(tags) {
            let channel = channel.clone();
            last = Some(begun(async move {
                match settled {
                    Settled::Done => channel.basic_ack(tag, BasicAckOptions { multiple }).await,
                    Settled::Again => channel.basic_nack(tag, BasicNackOptions { multiple, requeue: true }).await,
                }
            }));
        }
        let last = last?;
        Some(async {
            let taken = timeout(SOCKET_TIMEOUT, last).await;
            let taken = taken.map_err(|_| QueueError::Unavailable("the connection is stuck".to_owned()))?;
            taken.map_err(|error| QueueError::Unavailable(reason(&error)))
        })
    }

    /// Why nothing comes, if nothing does.
    pub(crate) fn away(&self) -> Option<String> {
        match &*self.state() {
            State::Open(_) => None,
            State::Away(reason) => Some(reason.clone()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Hands a frame to the connection. The first step of such a future does that, and the rest waits
/// until the socket has taken it.
fn begun<T: Send + 'static>(frame: impl Future<Output = T> + Send + 'static) -> BoxFuture<'static, T> {
    let mut frame = frame.boxed();
    match (&mut frame).now_or_never() {
        Some(done) => std::future::ready(done).boxed(),
        None => frame,
    }
}
