//! The memory store keeps every promise of the ports, and agrees with itself over random walks.

use std::sync::Arc;

use events_core::testkit::{Fixture, MemoryStore};

async fn memory() -> Fixture {
    Fixture::new(Arc::new(MemoryStore::new()))
}

events_core::store_contract!(memory);
events_core::store_model!(memory);
