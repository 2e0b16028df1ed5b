//! The commit loop: many calls to publish become one commit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::wake::Wake;
use crate::{
    event::Event,
    ports::{Appended, EventStore, StoreError},
};

/// Events that go into one commit at most, and their weight in bytes. One call is never split.
const BATCH_EVENTS: usize = 500;
const BATCH_BYTES: usize = 1024 * 1024;
/// Calls that may wait for the next commit; further callers wait for room.
const WAITING_CALLS: usize = 1024;

/// How long a call waits for a commit that is under way before it begins another one beside it.
const PATIENCE: Duration = Duration::from_millis(10);
/// How often other tasks get their turn before a batch with fewer calls than the last one is committed.
const TURNS: usize = 16;

/// Where the outcome of a call goes.
type Answer = oneshot::Sender<Result<Vec<Appended>, StoreError>>;

/// Events to be stored together.
pub(super) struct Call {
    pub(super) events: Vec<Arc<Event>>,
    pub(super) answer: Answer,
}

/// Starts the loop; it ends when the last sender is dropped and all is committed.
pub(super) fn start(store: Arc<dyn EventStore>, wake: Wake, at_once: usize) -> mpsc::Sender<Call> {
    let (calls, queue) = mpsc::channel(WAITING_CALLS);
    tokio::spawn(commit_calls(store, queue, wake, at_once));
    calls
}

/// Commits whatever has gathered, again and again. A lone call is committed at once.
async fn commit_calls(store: Arc<dyn EventStore>, mut queue: mpsc::Receiver<Call>, wake: Wake, at_once: usize) {
    let mut commits = JoinSet::new();
    let mut last = 0;
    while let Some(first) = queue.recv().await {
        let mut batch = Batch::default();
        batch.add(first);
        batch.gather_until_free(&mut queue, &mut commits, at_once).await;
        batch.gather_returning(&mut queue, last).await;
        last = batch.calls.len();
        let (store, wake) = (Arc::clone(&store), wake.clone());
        commits.spawn(async move {
            batch.commit(&*store).await;
            wake.router();
        });
    }
    while commits.join_next().await.is_some() {}
}

#[derive(Default)]
struct Batch {
    events: Vec<Arc<Event>>,
    bytes: usize,
    calls: Vec<(usize, Answer)>,
}

impl Batch {
    fn add(&mut self, call: Call) {
        self.bytes += call.events.iter().map(|event| event.weight()).sum::<usize>();
        self.calls.push((call.events.len(), call.answer));
        if self.events.is_empty() {
            self.events = call.events;
        } else {
            self.events.extend(call.events);
        }
    }

    fn has_room(&self) -> bool {
        self.events.len() < BATCH_EVENTS && self.bytes < BATCH_BYTES
    }

    /// Takes what comes while a commit is under way. Two small commits cost the store more than a large one, so another
    /// one begins beside it only when this batch is full or has waited for long.
    async fn gather_until_free(&mut self, queue: &mut mpsc::Receiver<Call>, commits: &mut JoinSet<()>, at_once: usize) {
        while commits.try_join_next().is_some() {}
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        while !commits.is_empty() && self.has_room() {
            tokio::select! {
                biased;
                call = queue.recv() => match call {
                    Some(call) => self.add(call),
                    None => break,
                },
                _ = commits.join_next() => {}
                () = &mut patience, if commits.len() < at_once => break,
            }
        }
        while commits.len() >= at_once {
            commits.join_next().await;
        }
    }

    /// Takes what waits. Callers that the last commit has answered often have their next event ready in a moment: until
    /// as many are back, others get their turn first, a few times.
    async fn gather_returning(&mut self, queue: &mut mpsc::Receiver<Call>, last: usize) {
        for _ in 0..TURNS {
            while self.has_room() {
                match queue.try_recv() {
                    Ok(call) => self.add(call),
                    Err(_) => break,
                }
            }
            if self.calls.len() >= last || !self.has_room() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn commit(self, store: &dyn EventStore) {
        match store.append(self.events).await {
            Ok(outcomes) => {
                let mut outcomes = outcomes.into_iter();
                for (events, answer) in self.calls {
                    // A caller that has gone away does not mind.
                    let _ = answer.send(Ok(outcomes.by_ref().take(events).collect()));
                }
            }
            Err(error) => {
                for (_, answer) in self.calls {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}
