//! Every promise of the store ports, and random walks compared with the memory store.

use std::sync::Arc;

use events_core::testkit::Fixture;

use crate::support::Place;

async fn postgres() -> Fixture {
    let place = Place::new().await;
    Fixture::new(Arc::new(place.store)).keeping(place.schema)
}

events_core::store_contract!(postgres);
events_core::store_model!(postgres);
