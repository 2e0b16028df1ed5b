//! Every promise of the store ports, and random walks compared with the memory store.

use std::sync::Arc;

use events_core::testkit::Fixture;
use events_sqlite::SqliteStore;

async fn sqlite() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("events.db")).await.unwrap();
    Fixture::new(Arc::new(store)).keeping(directory)
}

events_core::store_contract!(sqlite);
events_core::store_model!(sqlite);
