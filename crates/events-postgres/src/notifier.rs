//! Telling other processes that there is something to do, after it is committed.
//!
//! A transaction with a `NOTIFY` commits alone: PostgreSQL lets one at a time into its queue and holds
//! it until the commit is on disk, so publishers could no longer share a wait for the disk. Therefore
//! the store notifies afterwards, from a task, once for all that has gathered. A notification that is
//! lost costs a poll interval; polling is the truth.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, task::AbortHandle};
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
    payloads: Mutex<BTreeSet<String>>,
    some: Notify,
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
        let Ok(mut waiting) = self.waiting.payloads.lock() else { return };
        waiting.extend(payloads.into_iter().map(|payload| format!("{}{SAYS}{payload}", self.sender)));
        if !waiting.is_empty() {
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
        let payloads = waiting.payloads.lock().map(|mut payloads| std::mem::take(&mut *payloads)).unwrap_or_default();
        let told = tell(&database, payloads).await;
        if let Err(failure) = told {
            tracing::debug!("Other processes find out by polling: {}", failure.undone());
        }
        tokio::time::sleep(SPACING).await;
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
