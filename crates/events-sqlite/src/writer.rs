//! The one connection that writes, and the task that owns it.
//!
//! SQLite lets one transaction write at a time, and each commit waits for the disk. So all
//! changes go through one task: it takes everything that waits, runs it in one transaction and
//! answers after the commit. Sixteen callers share one wait for the disk instead of queueing
//! for sixteen. Routing and claiming do not wait for the disk at all: they can be done again, and
//! the log keeps the order of commits, so a loss of power undoes them only together with all that
//! came after (docs/decisions/0013-routing-and-claiming-do-not-wait-for-the-disk.md). They go first,
//! in a transaction of their own, or a worker would wait for the disk with everybody else before it
//! gets its next deliveries. And because the task owns the connection, a caller that gives up waiting
//! cannot leave a transaction half begun behind it.

use std::{fs::File, sync::Mutex};

use events_core::StoreError;
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    error::Failure,
    operation::{Operation, Pending, Work},
};

/// Operations that may wait for the writer; callers beyond wait for room.
const QUEUE: usize = 256;

/// Most operations in one transaction: enough to share the wait for the disk, few enough that
/// nobody waits long for neighbours.
const GROUP: usize = 64;

/// Takes operations to the writing task.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Work>>>>,
    task: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the task. It keeps `lock` until it has ended.
    pub(crate) fn start(connection: SqliteConnection, options: SqliteConnectOptions, lock: File) -> Self {
        let (queue, operations) = mpsc::channel(QUEUE);
        let synchronous = Synchronous::Full;
        let task = Task { connection: Some(connection), synchronous, options, operations, _lock: lock };
        Self { queue: Mutex::new(Some(queue)), task: tokio::sync::Mutex::new(Some(tokio::spawn(task.run()))) }
    }

    /// Has the operation run, and waits for its commit. Once queued it runs, whether or not
    /// anybody still waits.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, StoreError> {
        let closed = || StoreError::Unavailable("it is closed".to_owned());
        let queue = self.queue.lock().ok().and_then(|queue| queue.clone()).ok_or_else(closed)?;
        let (work, answer) = Pending::new(operation);
        queue.send(Box::new(work)).await.map_err(|_| closed())?;
        drop(queue); // or a caller that waits would keep the task from ending
        answer.await.unwrap_or_else(|_| Err(StoreError::Unknown("the writing task ended early".to_owned())))
    }

    /// Lets what is queued finish, then closes the file. Whoever comes later is refused.
    pub(crate) async fn close(&self) {
        drop(self.queue.lock().map(|mut queue| queue.take()));
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writing task of the store failed");
        }
    }
}

/// How far a transaction came.
enum Outcome {
    Committed,
    /// It could not be begun, and would not alone either.
    NotBegun(Failure),
    /// One of its operations failed, and nothing of it happened.
    Undone(Failure),
    /// The commit itself failed.
    CommitFailed(Failure),
}

/// What a commit waits for.
#[derive(Clone, Copy, PartialEq)]
enum Synchronous {
    /// The disk; so a connection begins.
    Full,
    /// Nothing. The next commit that waits makes this one durable, too.
    Normal,
}

struct Task {
    /// `None` after the connection broke, until the next operation opens another.
    connection: Option<SqliteConnection>,
    /// What commits of the connection wait for now.
    synchronous: Synchronous,
    options: SqliteConnectOptions,
    operations: mpsc::Receiver<Box<dyn Work>>,
    /// Held so that no other process opens the file; released when the task is gone.
    _lock: File,
}

impl Task {
    async fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        while self.operations.recv_many(&mut group, GROUP).await > 0 {
            self.commit(&mut group).await;
            group.clear();
        }
        if let Some(mut connection) = self.connection.take() {
            // Leaves one file behind, which can be copied. Failing is no loss: the next start
            // reads what is left in the WAL.
            if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await {
                tracing::warn!(%error, "the store could not move its log into the database file");
            }
            let _ = connection.close().await;
        }
    }

    /// Runs what need not wait for the disk, then the rest.
    async fn commit(&mut self, group: &mut [Box<dyn Work>]) {
        group.sort_by_key(|work| work.waits_for_disk());
        let (hasty, careful) = group.split_at_mut(group.partition_point(|work| !work.waits_for_disk()));
        self.commit_together(hasty).await;
        self.commit_together(careful).await;
    }

    /// Runs a group in one transaction. When a member fails, everyone runs alone, so that the
    /// failure is its own.
    async fn commit_together(&mut self, group: &mut [Box<dyn Work>]) {
        match group {
            [] => return,
            [work] => return self.commit_alone(work).await,
            _ => {}
        }
        let failed = match self.transaction(group).await {
            Outcome::Committed => None,
            Outcome::NotBegun(failure) => Some(failure.undone()),
            Outcome::CommitFailed(failure) if matches!(failure.of_commit(), StoreError::Unknown(_)) => {
                Some(failure.of_commit())
            }
            Outcome::Undone(_) | Outcome::CommitFailed(_) => {
                for work in group {
                    self.commit_alone(work).await;
                }
                return;
            }
        };
        for work in group {
            work.reply(failed.clone().map_or(Ok(()), Err));
        }
    }

    async fn commit_alone(&mut self, work: &mut Box<dyn Work>) {
        let result = if work.commits_itself() {
            self.statement(work).await.map_err(|failure| failure.of_commit())
        } else {
            match self.transaction(std::slice::from_mut(work)).await {
                Outcome::Committed => Ok(()),
                Outcome::NotBegun(failure) | Outcome::Undone(failure) => Err(failure.undone()),
                Outcome::CommitFailed(failure) => Err(failure.of_commit()),
            }
        };
        work.reply(result);
    }

    async fn statement(&mut self, work: &mut Box<dyn Work>) -> Result<(), Failure> {
        let connection = self.connection(work.waits_for_disk()).await?;
        let result = work.run(connection).await;
        if let Err(failure) = &result {
            self.undo(failure).await;
        }
        result
    }

    async fn transaction(&mut self, group: &mut [Box<dyn Work>]) -> Outcome {
        let outcome = self.run_in_transaction(group).await;
        if let Outcome::NotBegun(failure) | Outcome::Undone(failure) | Outcome::CommitFailed(failure) = &outcome {
            tracing::debug!(?failure, operations = group.len(), "a transaction of the store failed");
            self.undo(failure).await;
        }
        outcome
    }

    async fn run_in_transaction(&mut self, group: &mut [Box<dyn Work>]) -> Outcome {
        let waits_for_disk = group.iter().any(|work| work.waits_for_disk());
        let connection = match self.connection(waits_for_disk).await {
            Ok(connection) => connection,
            Err(failure) => return Outcome::NotBegun(failure),
        };
        // IMMEDIATE: a transaction that begins by reading could not become a writing one when
        // another connection has written meanwhile, however long it waits.
        if let Err(error) = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
            return Outcome::NotBegun(error.into());
        }
        for work in group {
            if let Err(failure) = work.run(connection).await {
                return Outcome::Undone(failure);
            }
        }
        match sqlx::query("COMMIT").execute(connection).await {
            Ok(_) => Outcome::Committed,
            Err(error) => Outcome::CommitFailed(error.into()),
        }
    }

    /// The connection, with commits that wait for the disk or do not.
    async fn connection(&mut self, waits_for_disk: bool) -> Result<&mut SqliteConnection, Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.synchronous = Synchronous::Full;
                SqliteConnection::connect_with(&self.options).await?
            }
        };
        let (wanted, pragma) = if waits_for_disk {
            (Synchronous::Full, "PRAGMA synchronous = FULL")
        } else {
            (Synchronous::Normal, "PRAGMA synchronous = NORMAL")
        };
        if wanted != self.synchronous {
            // Where this fails the connection is dropped, and the next one begins with what is safe.
            sqlx::raw_sql(pragma).execute(&mut connection).await?;
            self.synchronous = wanted;
        }
        Ok(self.connection.insert(connection))
    }

    /// Makes the connection fit for the next operation, whatever a failed one has left behind.
    async fn undo(&mut self, failure: &Failure) {
        if matches!(failure, Failure::Database(sqlx::Error::WorkerCrashed)) {
            self.connection = None; // of no more use without its thread; the next operation opens another
        } else if let Some(connection) = &mut self.connection {
            // SQLite may have rolled back by itself (a full disk does that), and says so here.
            let _ = sqlx::query("ROLLBACK").execute(connection).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;

    /// Answers what its commit waits for, or fails.
    struct Probe {
        commits_itself: bool,
        waits_for_disk: bool,
        fails: bool,
    }

    #[async_trait]
    impl Operation for Probe {
        type Output = i64;

        fn commits_itself(&self) -> bool {
            self.commits_itself
        }

        fn waits_for_disk(&self) -> bool {
            self.waits_for_disk
        }

        async fn run(&self, connection: &mut SqliteConnection) -> Result<i64, Failure> {
            if self.fails {
                sqlx::query("SAVEPOINT left_open").execute(&mut *connection).await?;
                return Err(Failure::Corrupt("as asked".to_owned()));
            }
            Ok(sqlx::query_scalar("PRAGMA synchronous").fetch_one(connection).await?)
        }
    }

    const FULL: i64 = 2;
    const NORMAL: i64 = 1;

    async fn writer(folder: &std::path::Path) -> Writer {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("probe.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
        let connection = SqliteConnection::connect_with(&options).await.unwrap();
        Writer::start(connection, options, File::create(folder.join("lock")).unwrap())
    }

    #[tokio::test]
    async fn what_must_wait_for_the_disk_always_does() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        for commits_itself in [true, false] {
            for fails in [true, false] {
                let hasty = Probe { commits_itself, waits_for_disk: false, fails };
                assert_eq!(writer.run(hasty).await.ok(), (!fails).then_some(NORMAL));
                let careful = Probe { commits_itself, waits_for_disk: true, fails: false };
                assert_eq!(writer.run(careful).await.unwrap(), FULL);
            }
        }
    }

    #[tokio::test]
    async fn who_need_not_wait_for_the_disk_does_not_wait_with_those_that_must() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(folder.path()).await;
        let probe = |waits_for_disk| Probe { commits_itself: true, waits_for_disk, fails: false };
        let (_, hasty, careful) =
            tokio::join!(writer.run(probe(false)), writer.run(probe(false)), writer.run(probe(true)));
        assert_eq!((hasty.unwrap(), careful.unwrap()), (NORMAL, FULL));
    }
}
