//! Pushes that wait at the same moment, published together and answered when all is confirmed.

use std::time::Duration;

use events_core::ports::{QueueError, Reference};
use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{Channel, Confirmation, message::BasicReturnMessage, options::BasicPublishOptions};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    link::reason,
    message::{encode, properties},
    topology::{Names, short},
};

/// References whose confirms are awaited at the same time. One by one, each would cost a journey
/// to the broker and to its disk; a window of 256 shares both, and a larger one gains nothing.
const WINDOW: usize = 256;

/// References in one batch at most. The barrier at its end lets the window run empty, and whoever
/// came first waits for everybody behind it; this many take a small part of a second.
const MOST: usize = 4_096;

/// Somebody's push, and where the answer goes. Nobody is there any more if the push was dropped;
/// it is published all the same.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) references: Vec<Reference>,
    pub(crate) answer: oneshot::Sender<Result<(), QueueError>>,
}

impl Push {
    pub(crate) fn refuse(self, error: QueueError) {
        drop(self.answer.send(Err(error))); // nobody may be waiting
    }
}

/// What is known of one reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Said, or about to be said. If nothing more is heard, it may have arrived.
    Open,
    /// The broker has it.
    Confirmed,
    /// The broker did not take it, because its queue is full or has no leader.
    Refused,
    /// No queue was bound to the handler's name, and no alternate exchange either.
    Returned,
}

/// Pushes that are published together.
#[derive(Debug)]
pub(crate) struct Batch {
    references: Vec<Reference>,
    /// What is known of each reference.
    fates: Vec<Fate>,
    /// Number of the first reference; the numbers of the others follow.
    first: u64,
    /// How many references belong to whom, in their order.
    owners: Vec<(usize, oneshot::Sender<Result<(), QueueError>>)>,
}

impl Batch {
    /// The first push, and those that wait behind it.
    pub(crate) fn gather(push: Push, waiting: &mut mpsc::Receiver<Push>, first: u64) -> Self {
        let mut owners = vec![(push.references.len(), push.answer)];
        let mut references = push.references;
        while references.len() < MOST
            && let Ok(push) = waiting.try_recv()
        {
            owners.push((push.references.len(), push.answer));
            references.extend(push.references);
        }
        Self { fates: vec![Fate::Open; references.len()], references, first, owners }
    }

    /// The number of the reference that follows this batch.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.fates.len() as u64
    }

    /// Publishes everything and waits for every confirm. What is known by then stays known when
    /// the future is dropped.
    ///
    /// # Errors
    /// The channel broke, or nothing was confirmed for `patience`: the rest is unknown.
    pub(crate) async fn publish(
        &mut self,
        channel: &Channel,
        names: &Names,
        ids: &Ids,
        patience: Duration,
    ) -> Result<(), String> {
        let mut references = self.references.iter().zip(self.first..).enumerate();
        let mut window = FuturesUnordered::new();
        loop {
            // The first step of each writes the frames of its message, and the other steps only
            // wait; so each begins before the one before it is confirmed.
            while window.len() < WINDOW
                && let Some((index, (reference, number))) = references.next()
            {
                window.push(say(channel, names, reference, ids.id(number), index));
            }
            match timeout(patience, window.next()).await {
                Err(_) => return Err(format!("no confirm within {patience:?}")),
                Ok(None) => return Ok(()),
                Ok(Some((index, confirmation))) => {
                    let confirmation = confirmation?;
                    let fate = if confirmation.is_ack() { Fate::Confirmed } else { Fate::Refused };
                    if self.fates[index] == Fate::Open {
                        self.fates[index] = fate;
                    }
                    // The library hands a returned message to whichever confirm completes next.
                    // Its id says whose it is; the batch ends with its last confirm, so it is here.
                    if let Some(returned) = confirmation.take_message()
                        && let Some(number) = ids.number(&returned)
                        && let Some(index) = number.checked_sub(self.first)
                        && let Some(fate) = usize::try_from(index).ok().and_then(|index| self.fates.get_mut(index))
                    {
                        *fate = Fate::Returned;
                    }
                }
            }
        }
    }

    /// Answers every push. `unknown` is why the fate of some is.
    pub(crate) fn answer(self, unknown: &str) {
        let (mut fates, mut references) = (self.fates.as_slice(), self.references.as_slice());
        for (count, answer) in self.owners {
            let (own, of_others) = fates.split_at(count);
            let (about, about_others) = references.split_at(count);
            (fates, references) = (of_others, about_others);
            let lost = own.iter().zip(about).find(|(fate, _)| **fate != Fate::Confirmed);
            let result = match lost {
                None => Ok(()),
                Some((Fate::Returned, reference)) => {
                    Err(QueueError::Unavailable(format!("no queue takes word for `{}`", reference.handler)))
                }
                Some((Fate::Refused, reference)) => Err(QueueError::Unknown(format!(
                    "the queue for `{}` is full or without a leader",
                    reference.handler
                ))),
                Some((Fate::Open | Fate::Confirmed, _)) => Err(QueueError::Unknown(unknown.to_owned())),
            };
            drop(answer.send(result)); // nobody may be waiting
        }
    }
}

/// Says one reference, and waits until the broker has answered.
async fn say(
    channel: &Channel,
    names: &Names,
    reference: &Reference,
    id: String,
    index: usize,
) -> (usize, Result<Confirmation, String>) {
    let confirmation = async {
        let body = encode(reference).map_err(|error| error.to_string())?;
        // Mandatory: with no queue to go to it comes back, instead of being confirmed into the void.
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let (exchange, handler) = (short(names.exchange()), short(reference.handler.as_str()));
        let confirm = channel.basic_publish(exchange, handler, options, &body, properties(id)).await;
        confirm.map_err(|error| reason(&error))?.await.map_err(|error| reason(&error))
    };
    (index, confirmation.await)
}

/// Makes message ids: the same beginning for one life of the publisher, and a number.
#[derive(Debug)]
pub(crate) struct Ids(String);

impl Ids {
    pub(crate) fn new(life: u64) -> Self {
        Self(format!("{life:016x}-"))
    }

    fn id(&self, number: u64) -> String {
        format!("{}{number}", self.0)
    }

    /// The number in the id of a message that came back, if it is one of ours.
    fn number(&self, message: &BasicReturnMessage) -> Option<u64> {
        message.properties.message_id().as_ref()?.as_str().strip_prefix(&self.0)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use events_core::Seq;

    use super::*;

    fn push(handler: &str, references: usize) -> (Push, oneshot::Receiver<Result<(), QueueError>>) {
        let reference = Reference { handler: handler.into(), seqs: vec![Seq(1)] };
        let (answer, answered) = oneshot::channel();
        (Push { references: vec![reference; references], answer }, answered)
    }

    fn waiting(pushes: impl IntoIterator<Item = Push>) -> mpsc::Receiver<Push> {
        let (sender, waiting) = mpsc::channel(10);
        for push in pushes {
            sender.try_send(push).expect("there is room");
        }
        waiting
    }

    #[test]
    fn those_who_wait_share_a_batch_up_to_its_limit() {
        let (first, _first) = push("slack", 10);
        let mut waiting = waiting([MOST - 11, 1, 1].map(|size| push("slack", size).0));
        let batch = Batch::gather(first, &mut waiting, 7);
        assert_eq!((batch.owners.len(), waiting.len()), (3, 1));
        assert_eq!(batch.end(), 7 + MOST as u64);
    }

    #[test]
    fn each_push_learns_of_its_own_references() {
        let (confirmed, mut confirmed_answer) = push("slack", 2);
        let (returned, mut returned_answer) = push("email", 1);
        let (full, mut full_answer) = push("webhooks", 2);
        let (open, mut open_answer) = push("slack", 1);
        let mut batch = Batch::gather(confirmed, &mut waiting([returned, full, open]), 1);
        batch.fates =
            vec![Fate::Confirmed, Fate::Confirmed, Fate::Returned, Fate::Confirmed, Fate::Refused, Fate::Open];
        batch.answer("it was cut");
        let text =
            |answer: Result<Result<(), QueueError>, _>| answer.expect("an answer").map_err(|error| error.to_string());
        assert_eq!(text(confirmed_answer.try_recv()), Ok(()));
        let error = text(returned_answer.try_recv()).expect_err("it came back");
        assert_eq!(error, "the queue is unavailable: no queue takes word for `email`");
        let error = text(full_answer.try_recv()).expect_err("it was refused");
        assert_eq!(error, "the queue did not confirm: the queue for `webhooks` is full or without a leader");
        assert_eq!(text(open_answer.try_recv()).expect_err("unknown"), "the queue did not confirm: it was cut");
    }

    #[test]
    fn an_answer_that_nobody_waits_for_is_no_problem() {
        let (push, answered) = push("slack", 1);
        drop(answered);
        Batch::gather(push, &mut waiting([]), 1).answer("it was cut");
    }
}
