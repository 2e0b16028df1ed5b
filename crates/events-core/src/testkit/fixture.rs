//! A store under test, seen through its ports.

use std::{any::Any, fmt, sync::Arc};

use crate::ports::{ApiKeys, EventHistory, EventStore, Leadership, TargetStates};

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
    /// Dropped last: fields are dropped from first to last.
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl Fixture {
    /// One value that implements every port.
    #[must_use]
    pub fn new<S>(store: Arc<S>) -> Self
    where
        S: EventStore + EventHistory + TargetStates + ApiKeys + Leadership + 'static,
    {
        Self::of(store.clone(), store.clone(), store.clone(), store.clone(), store)
    }

    /// A value for each port, all of the same store.
    #[must_use]
    pub fn of(
        store: Arc<dyn EventStore>,
        history: Arc<dyn EventHistory>,
        targets: Arc<dyn TargetStates>,
        keys: Arc<dyn ApiKeys>,
        leadership: Arc<dyn Leadership>,
    ) -> Self {
        Self { store, history, targets, keys, leadership, guard: None }
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
