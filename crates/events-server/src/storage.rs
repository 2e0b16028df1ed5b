//! The store that the configuration names, through its ports.

use std::sync::Arc;

use events_core::{
    Clock, EventHistory, EventStore, StoreError, Waker,
    ports::{ApiKeys, Leadership, Replays, Statistics, StoredRoutes, SystemClock, TargetStates, WebhookSubscriptions},
};
use events_postgres::{Health, PgQueue, PgStore};
use events_sqlite::SqliteStore;

use crate::config::Database;

/// A store that is open.
pub(crate) struct Storage {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) history: Arc<dyn EventHistory>,
    pub(crate) targets: Arc<dyn TargetStates>,
    pub(crate) keys: Arc<dyn ApiKeys>,
    pub(crate) leadership: Arc<dyn Leadership>,
    pub(crate) subscriptions: Arc<dyn WebhookSubscriptions>,
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) statistics: Arc<dyn Statistics>,
    pub(crate) routes: Arc<dyn StoredRoutes>,
    /// The time that all processes on this store agree on.
    pub(crate) clock: Arc<dyn Clock>,
    /// The schema that the store is at.
    pub(crate) schema_version: i64,
    /// Commits of published events that it makes at the same time.
    pub(crate) commits_at_once: usize,
    adapter: Adapter,
}

/// Which store it is, for what only one of them has.
enum Adapter {
    Sqlite(Arc<SqliteStore>),
    Postgres(Arc<PgStore>),
}

impl Storage {
    /// Opens the store, which brings it to the current schema.
    pub(crate) async fn open(database: &Database) -> anyhow::Result<Self> {
        match database {
            Database::Sqlite(path) => {
                let store = Arc::new(SqliteStore::open(path).await?);
                let version = store.schema_version();
                Ok(Self::of(store.clone(), Arc::new(SystemClock), version, 1, Adapter::Sqlite(store)))
            }
            Database::Postgres { options, .. } => {
                let store = Arc::new(PgStore::open_with((**options).clone()).await?);
                let (clock, version) = (Arc::new(store.clock()), store.schema_version());
                let commits = store.commits_at_once();
                Ok(Self::of(store.clone(), clock, version, commits, Adapter::Postgres(store)))
            }
        }
    }

    fn of<S>(
        store: Arc<S>,
        clock: Arc<dyn Clock>,
        schema_version: i64,
        commits_at_once: usize,
        adapter: Adapter,
    ) -> Self
    where
        S: EventStore
            + EventHistory
            + TargetStates
            + ApiKeys
            + Leadership
            + WebhookSubscriptions
            + Replays
            + Statistics
            + StoredRoutes
            + 'static,
    {
        Self {
            store: store.clone(),
            history: store.clone(),
            targets: store.clone(),
            keys: store.clone(),
            leadership: store.clone(),
            subscriptions: store.clone(),
            replays: store.clone(),
            statistics: store.clone(),
            routes: store,
            clock,
            schema_version,
            commits_at_once,
            adapter,
        }
    }

    /// Begins to tell workers of other processes that there is something to do, without a broker, and to hear it from
    /// them where this one `works`; `None` where there are no other processes.
    pub(crate) fn word(&self, works: bool) -> Option<Arc<PgQueue>> {
        match &self.adapter {
            Adapter::Sqlite(_) => None,
            Adapter::Postgres(store) => {
                Some(Arc::new(if works { PgQueue::start(store) } else { PgQueue::telling(store) }))
            }
        }
    }

    /// What the database server says about itself; `None` where there is none.
    pub(crate) async fn server_health(&self) -> Option<Result<Health, StoreError>> {
        match &self.adapter {
            Adapter::Sqlite(_) => None,
            Adapter::Postgres(store) => Some(store.health().await),
        }
    }

    /// Lets go of the store.
    pub(crate) async fn close(&self) {
        match &self.adapter {
            Adapter::Sqlite(store) => store.close().await,
            Adapter::Postgres(store) => store.close().await,
        }
    }
}

/// Has `waker` look for events that others stored: other processes, and applications with SQL of their own.
pub(crate) fn wake(waker: Waker, word: Arc<PgQueue>) {
    tokio::spawn(async move {
        loop {
            word.unrouted().await;
            waker.router();
        }
    });
}
