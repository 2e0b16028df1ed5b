//! A store under test, seen through its ports.

use std::{any::Any, fmt, sync::Arc};

use crate::ports::{
    ApiKeys, EventHistory, EventStore, Leadership, Replays, Statistics, StoredRoutes, TargetStates,
    WebhookSubscriptions,
};

/// An empty store through all of its ports, and what has to live as long as it does.
pub struct Fixture {
    /// Its write side.
    pub store: Arc<dyn EventStore>,
    /// Its read side.
    pub history: Arc<dyn EventHistory>,
    /// Its targets.
    pub targets: Arc<dyn TargetStates>,
    /// Its API keys.
    pub keys: Arc<dyn ApiKeys>,
    /// Its leaders.
    pub leadership: Arc<dyn Leadership>,
    /// Its webhook subscriptions.
    pub subscriptions: Arc<dyn WebhookSubscriptions>,
    /// The routes that follow from them.
    pub routes: Arc<dyn StoredRoutes>,
    /// Its deliveries that are made again.
    pub replays: Arc<dyn Replays>,
    /// Its counts by day.
    pub statistics: Arc<dyn Statistics>,
    /// Dropped last: fields are dropped from first to last.
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl Fixture {
    /// One value that implements every port.
    #[must_use]
    pub fn new<S>(store: Arc<S>) -> Self
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
            guard: None,
        }
    }

    /// The same store with another value for its write side.
    #[must_use]
    pub fn writing_through(mut self, store: Arc<dyn EventStore>) -> Self {
        self.store = store;
        self
    }

    /// Keeps something until the store is gone: its temporary directory, its database.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("guarded", &self.guard.is_some()).finish_non_exhaustive()
    }
}
