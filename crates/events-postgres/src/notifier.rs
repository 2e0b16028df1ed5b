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

use crate::{arguments, database::Database, error::Failure};

/// Between notifications; what comes in between goes together.
const SPACING: Duration = Duration::from_millis(5);

/// What stands before a handler's name in a notification.
pub(crate) const HANDLER: &str = "handler/";
/// The notification of new events.
pub(crate) const OUTBOX: &str = "outbox";

/// Gathers what is to be told, and tells it.
#[derive(Debug)]
pub(crate) struct Notifier {
    waiting: Arc<Waiting>,
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
        let task = tokio::spawn(run(database, Arc::clone(&waiting))).abort_handle();
        Self { waiting, task }
    }

    /// There are new events.
    pub(crate) fn outbox(&self) {
        self.add([OUTBOX.to_owned()]);
    }

    /// These handlers have something due, or will have.
    pub(crate) fn handlers<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        self.add(names.into_iter().map(|name| format!("{HANDLER}{name}")));
    }

    fn add(&self, payloads: impl IntoIterator<Item = String>) {
        let Ok(mut waiting) = self.waiting.payloads.lock() else { return };
        waiting.extend(payloads);
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
    let channel = database.schema.channel();
    loop {
        waiting.some.notified().await;
        let payloads = waiting.payloads.lock().map(|mut payloads| std::mem::take(&mut *payloads)).unwrap_or_default();
        let told = tell(&database, &channel, payloads).await;
        if let Err(failure) = told {
            tracing::debug!("Other processes find out by polling: {}", failure.undone());
        }
        tokio::time::sleep(SPACING).await;
    }
}

async fn tell(database: &Database, channel: &str, payloads: BTreeSet<String>) -> Result<(), Failure> {
    if payloads.is_empty() {
        return Ok(());
    }
    let payloads: Vec<String> = payloads.into_iter().collect();
    database.change(include_str!("queries/notify.sql"), arguments![channel, payloads]).await?;
    Ok(())
}
