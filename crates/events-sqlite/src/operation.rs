//! One change of the store, as the writing task sees it.

use async_trait::async_trait;
use events_core::StoreError;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use crate::error::Failure;

/// One change of the store. It may run twice: in a transaction with others, and again alone when
/// one of the others failed.
#[async_trait]
pub(crate) trait Operation: Send + Sync + 'static {
    /// What the caller gets.
    type Output: Send + 'static;

    /// Whether it needs no transaction around it: it changes something in one statement or one
    /// `script!` at its end. What it reads before may not be what others write.
    fn commits_itself(&self) -> bool {
        false
    }

    /// Whether its commit waits for the disk. One that does not outlives the process all the same;
    /// a loss of power may undo it, together with all that came after it.
    fn waits_for_disk(&self) -> bool {
        true
    }

    /// Makes the change, inside a transaction unless it runs alone and [`Self::commits_itself`].
    async fn run(&self, connection: &mut SqliteConnection) -> Result<Self::Output, Failure>;
}

/// An operation of any type, with its caller.
#[async_trait]
pub(crate) trait Work: Send {
    /// As [`Operation::commits_itself`].
    fn commits_itself(&self) -> bool;
    /// As [`Operation::waits_for_disk`].
    fn waits_for_disk(&self) -> bool;
    /// Runs it and keeps its result until the commit.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure>;
    /// Answers the caller, who may have stopped waiting.
    fn reply(&mut self, result: Result<(), StoreError>);
}

/// An operation, and where its result goes.
pub(crate) struct Pending<O: Operation> {
    operation: O,
    output: Option<O::Output>,
    reply: Option<oneshot::Sender<Result<O::Output, StoreError>>>,
}

impl<O: Operation> Pending<O> {
    /// An operation that has not run, and the answer to wait for.
    pub(crate) fn new(operation: O) -> (Self, oneshot::Receiver<Result<O::Output, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { operation, output: None, reply: Some(reply) }, answer)
    }
}

#[async_trait]
impl<O: Operation> Work for Pending<O> {
    fn commits_itself(&self) -> bool {
        self.operation.commits_itself()
    }

    fn waits_for_disk(&self) -> bool {
        self.operation.waits_for_disk()
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        self.output = Some(self.operation.run(connection).await?);
        Ok(())
    }

    fn reply(&mut self, result: Result<(), StoreError>) {
        let missing = || StoreError::Unknown("the operation left no result".to_owned());
        let result = result.and_then(|()| self.output.take().ok_or_else(missing));
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(result); // the caller may have stopped waiting, which is its right
        }
    }
}
