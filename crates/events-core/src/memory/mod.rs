//! Every store port in memory: the reference that other stores are compared with.
//!
//! It is written to be plainly right rather than fast: one lock around plain collections,
//! and every question answered by looking at all rows. Nothing waits while the lock is held.

mod append;
mod claim;
mod details;
mod history;
mod keys;
mod leadership;
mod lists;
mod queue;
mod replays;
mod route;
mod settle;
mod state;
mod statistics;
mod store;
mod targets;
mod upkeep;
mod webhooks;

use std::sync::{Mutex, MutexGuard};

pub use queue::MemoryQueue;
use state::State;

/// A store that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    /// A store without events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while holding the state")
    }
}
