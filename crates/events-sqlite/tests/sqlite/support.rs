//! A store in a directory of its own, and a connection beside it.

use std::{path::PathBuf, sync::Arc};

use events_core::{Event, EventHistory, Seq, StoredEvent, testkit};
use events_sqlite::{SqliteConnection, SqliteStore};
use sqlx::{Connection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

/// A store, with the file it is in.
pub(crate) struct Place {
    pub(crate) store: SqliteStore,
    directory: TempDir,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("events.db")).await.unwrap();
        Self { store, directory }
    }

    /// A file in the store's directory; the store's own is `events.db`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A connection of an application to the store's file.
    pub(crate) async fn connection(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.file("events.db"));
        SqliteConnection::connect_with(&options).await.unwrap()
    }
}

/// Everything in the log.
pub(crate) async fn log(store: &SqliteStore) -> Vec<StoredEvent> {
    store.scan(Seq::START, 10_000).await.unwrap()
}

/// So many events.
pub(crate) fn events(count: usize) -> Vec<Arc<Event>> {
    (0..count).map(|_| testkit::event("user.signup").build()).collect()
}
