//! The memory adapters keep every promise of their ports, and the store agrees with itself over
//! random walks.

mod queue;

use std::sync::Arc;

use events_core::testkit::{Fixture, MemoryStore};

async fn memory() -> Fixture {
    Fixture::new(Arc::new(MemoryStore::new()))
}

events_core::store_contract!(memory);
events_core::store_model!(memory);
