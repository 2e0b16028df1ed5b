//! What is still there after the process is gone.

use events_core::{
    EventHistory, EventStore,
    delivery::DeliveryState,
    ports::{DeadLetterQuery, DeliveryQuery, RedriveFilter, RoutedEvent, TargetStates},
    testkit::{affecting, at, claim, dead, delivery, done, event, retry},
};
use events_sqlite::SqliteStore;

use crate::support::{Place, events, log};

/// One delivery in each situation: done, waiting for another try, dead at a disabled target, leased.
async fn live_a_little(store: &SqliteStore) {
    let published = event("user.signup").organization("org_1").idempotency_key("k").build();
    store.append(vec![published]).await.unwrap();
    let seq = store.unrouted(1).await.unwrap().events[0].seq;
    let deliveries = ["a", "b", "c", "d"].map(|target| delivery("slack", target)).to_vec();
    store.route(vec![RoutedEvent { seq, deliveries, cancellations: Vec::new() }], at(0)).await.unwrap();
    let claimed = store.claim(claim("slack").build()).await.unwrap();
    let effect = events_core::delivery::TargetEffect::Disable("gone".to_owned());
    let settlements = vec![
        done(&claimed[0], at(1)),
        retry(&claimed[1], at(60), at(1)),
        affecting(dead(&claimed[2], "410", at(1)), effect),
    ];
    assert_eq!(store.settle(settlements).await.unwrap().settled, 3);
}

async fn everything_is_there(store: &SqliteStore) {
    let listed = store.deliveries(DeliveryQuery::default()).await.unwrap().items;
    let states: Vec<DeliveryState> = listed.iter().rev().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Succeeded, DeliveryState::Pending, DeliveryState::Dead, DeliveryState::Leased]);
    assert_eq!(store.dead_letters(DeadLetterQuery::default()).await.unwrap().items.len(), 1);
    assert_eq!(store.troubled(at(2)).await.unwrap().len(), 1);
    assert_eq!(store.next_due(&"slack".into()).await.unwrap(), Some(at(60)));
    let filter = RedriveFilter { limit: 10, ..RedriveFilter::default() };
    assert_eq!(store.redrive(filter, at(70)).await.unwrap(), 1);
    assert_eq!(store.release_expired(at(70), 10).await.unwrap(), 1);
    assert_eq!(store.claim(claim("slack").at(at(70)).build()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_closed_store_is_as_it_was() {
    let place = Place::new().await;
    live_a_little(&place.store).await;
    place.store.close().await;
    let again = SqliteStore::open(place.file("events.db")).await.unwrap();
    everything_is_there(&again).await;
}

/// What a killed process leaves behind are its files as they stand.
#[tokio::test]
async fn a_killed_store_is_as_it_was() {
    let place = Place::new().await;
    live_a_little(&place.store).await;
    std::fs::copy(place.file("events.db"), place.file("killed.db")).unwrap();
    std::fs::copy(place.file("events.db-wal"), place.file("killed.db-wal")).unwrap();
    let again = SqliteStore::open(place.file("killed.db")).await.unwrap();
    everything_is_there(&again).await;
}

#[tokio::test]
async fn a_lock_file_left_behind_locks_nobody_out() {
    let place = Place::new().await;
    std::fs::write(place.file("other.db.lock"), "1").unwrap();
    let other = SqliteStore::open(place.file("other.db")).await.unwrap();
    other.append(events(1)).await.unwrap();
    assert_eq!(log(&other).await.len(), 1);
}
