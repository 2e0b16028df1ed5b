//! A few connections, lent to one statement at a time.
//!
//! sqlx has a pool; it asks each connection for a sign of life whenever it comes back, which doubles
//! the round trips of statements that are one round trip long. Here a connection that has answered to
//! the end goes back at once. One whose statement was abandoned, or failed, is first read to its end by
//! a task of its own: the next caller does not wait for what the last one left behind.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a caller waits for a free connection, and then for a new one to be made, before it is told
/// that the store is unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was idle longer is asked for a sign of life before it is lent.
const IDLE_BEFORE_TEST: Duration = Duration::from_secs(1);

/// Connections to one database, made when they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: PgConnectOptions,
    most: u32,
    free: Arc<Semaphore>,
    idle: Mutex<Vec<(PgConnection, Instant)>>,
    closed: AtomicBool,
}

impl Connections {
    /// At most `most` connections, at least one.
    pub(crate) fn new(options: PgConnectOptions, most: u32) -> Self {
        Self(Arc::new(Inner {
            options,
            most,
            free: Arc::new(Semaphore::new(most as usize)),
            idle: Mutex::default(),
            closed: AtomicBool::new(false),
        }))
    }

    /// Lends a connection that works, or worked a moment ago.
    pub(crate) async fn lend(&self) -> Result<Lent, sqlx::Error> {
        if self.0.closed.load(Ordering::Acquire) {
            return Err(sqlx::Error::PoolClosed);
        }
        let free = Arc::clone(&self.0.free).acquire_owned();
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, free).await.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some((mut connection, since)) = self.0.take_idle() {
            if since.elapsed() < IDLE_BEFORE_TEST || connection.ping().await.is_ok() {
                return Ok(Lent::new(connection, permit, &self.0));
            }
        }
        let made = tokio::time::timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(&self.0.options)).await;
        Ok(Lent::new(made.map_err(|_| sqlx::Error::PoolTimedOut)??, permit, &self.0))
    }

    /// Waits for the connections that are lent, and closes all.
    pub(crate) async fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        let _all = self.0.free.acquire_many(self.0.most).await;
        self.0.free.close();
        while let Some((connection, _)) = self.0.take_idle() {
            let _ = connection.close().await; // the server notices either way
        }
    }
}

impl Inner {
    fn take_idle(&self) -> Option<(PgConnection, Instant)> {
        self.idle.lock().ok()?.pop()
    }

    fn put(&self, connection: PgConnection) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push((connection, Instant::now()));
        }
    }
}

/// A connection, as long as it is lent.
#[derive(Debug)]
pub(crate) struct Lent {
    /// Taken when it goes back.
    connection: Option<(PgConnection, OwnedSemaphorePermit)>,
    from: Arc<Inner>,
}

impl Lent {
    fn new(connection: PgConnection, permit: OwnedSemaphorePermit, from: &Arc<Inner>) -> Self {
        Self { connection: Some((connection, permit)), from: Arc::clone(from) }
    }

    /// Gives it back after it has answered to the end.
    pub(crate) fn give_back(mut self) {
        if let Some((connection, _permit)) = self.connection.take() {
            self.from.put(connection);
        }
    }

    /// Ends it: nobody else gets what is left of it.
    pub(crate) async fn discard(mut self) {
        if let Some((connection, _permit)) = self.connection.take() {
            let _ = connection.close_hard().await;
        }
    }
}

impl Drop for Lent {
    /// Abandoned or failed: whether it still works is found out by a task that reads what is left.
    fn drop(&mut self) {
        let Some((mut connection, permit)) = self.connection.take() else { return };
        let (Ok(runtime), from) = (tokio::runtime::Handle::try_current(), Arc::clone(&self.from)) else { return };
        runtime.spawn(async move {
            if connection.ping().await.is_ok() {
                from.put(connection);
            }
            drop(permit);
        });
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection.as_ref().expect("it is lent until it is given back").0
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection.as_mut().expect("it is lent until it is given back").0
    }
}
