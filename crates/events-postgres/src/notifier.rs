//! Telling other processes that there is something to do, after it is committed.
//!
//! A transaction with a `NOTIFY` commits alone: PostgreSQL lets one at a time into its queue and holds
//! it until the commit is on disk, so publishers could no longer share a wait for the disk. Therefore
//! the store notifies afterwards, from a task, once for all that has gathered. Only the first events after a
//! rest are told of by their own commit, which saves a journey while nobody waits behind it. A notification that
//! is lost costs a poll interval; polling is the truth.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use uuid::Uuid;

use crate::{arguments, database::Database, error::Failure};

/// Between notifications; what comes in between goes together.
const SPACING: Duration = Duration::from_millis(5);

/// What stands after the name of the store that notifies, which passes over its own notifications.
pub(crate) const SAYS: char = ' ';
/// What stands before a handler's name in a notification.
pub(crate) const HANDLER: &str = "handler/";
/// The notification of new events.
pub(crate) const OUTBOX: &str = "outbox";

/// Gathers what is to be told, and tells it.
#[derive(Debug)]
pub(crate) struct Notifier {
    database: Database,
    waiting: Arc<Waiting>,
    sender: String,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Waiting {
    told: Mutex<Told>,
    some: Notify,
}

/// What is to be told, and when something was told last.
#[derive(Debug, Default)]
struct Told {
    payloads: BTreeSet<String>,
    last: Option<Instant>,
}

impl Waiting {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while it changes
    }

    /// What is told now.
    fn take(&self) -> BTreeSet<String> {
        let mut told = self.told();
        told.last = Some(Instant::now());
        std::mem::take(&mut told.payloads)
    }
}

impl Notifier {
    pub(crate) fn start(database: Database) -> Self {
        let waiting = Arc::new(Waiting::default());
        let sender = Uuid::now_v7().simple().to_string();
        let task = tokio::spawn(run(database.clone(), Arc::clone(&waiting))).abort_handle();
        Self { database, waiting, sender, task }
    }

    /// The name under which it notifies.
    pub(crate) fn sender(&self) -> &str {
        &self.sender
    }

    /// What a commit of new events may tell by itself: something after a rest, else nothing, and then
    /// [`outbox`](Self::outbox) is to be called after it.
    pub(crate) fn with_commit(&self) -> Option<String> {
        let (mut told, now) = (self.waiting.told(), Instant::now());
        let rests = told.payloads.is_empty() && told.last.is_none_or(|last| now - last >= SPACING);
        rests.then(|| {
            told.last = Some(now);
            format!("{}{SAYS}{OUTBOX}", self.sender)
        })
    }

    /// There are new events.
    pub(crate) fn outbox(&self) {
        self.add([OUTBOX.to_owned()]);
    }

    /// These handlers have something due, or will have.
    pub(crate) fn handlers<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        self.add(names.into_iter().map(|name| format!("{HANDLER}{name}")));
    }

    /// These handlers have something due, and whoever listens is to know before this answers.
    pub(crate) async fn tell_handlers<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let payloads = names.into_iter().map(|name| format!("{}{SAYS}{HANDLER}{name}", self.sender)).collect();
        tell(&self.database, payloads).await
    }

    fn add(&self, payloads: impl IntoIterator<Item = String>) {
        let mut told = self.waiting.told();
        told.payloads.extend(payloads.into_iter().map(|payload| format!("{}{SAYS}{payload}", self.sender)));
        if !told.payloads.is_empty() {
            self.waiting.some.notify_one();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(database: Database, waiting: Arc<Waiting>) {
    loop {
        waiting.some.notified().await;
        let last = waiting.told().last;
        if let Some(last) = last {
            sleep_until(last + SPACING).await;
        }
        if let Err(failure) = tell(&database, waiting.take()).await {
            tracing::debug!("Other processes find out by polling: {}", failure.undone());
        }
    }
}

async fn tell(database: &Database, payloads: BTreeSet<String>) -> Result<(), Failure> {
    if payloads.is_empty() {
        return Ok(());
    }
    let payloads: Vec<String> = payloads.into_iter().collect();
    database.change(include_str!("queries/notify.sql"), arguments![database.schema.channel(), payloads]).await?;
    Ok(())
}
