//! Events in a transaction of the application.

use std::slice;

use events_core::{EventStore, ports::Appended, testkit::event};
use sqlx::{Connection, Executor};

use crate::support::{Place, events, log};

async fn orders(place: &Place) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut place.connection().await).await.unwrap()
}

async fn with_orders() -> Place {
    let place = Place::new().await;
    place.connection().await.execute("CREATE TABLE orders (id integer)").await.unwrap();
    place
}

#[tokio::test]
async fn a_row_and_its_event_are_committed_together() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    transaction.execute("INSERT INTO orders VALUES (1)").await.unwrap();
    place.store.append_in(&mut transaction, &events(2)).await.unwrap();
    assert_eq!(log(&place.store).await, [], "nobody sees it before the commit");
    transaction.commit().await.unwrap();
    assert_eq!((orders(&place).await, place.store.unrouted(10).await.unwrap().events.len()), (1, 2));
}

/// What the store says on its own connections stays there: the application's sessions fill the outbox by the trigger.
#[tokio::test]
async fn plain_sql_in_the_same_transaction_is_routed_too() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    place.store.append_in(&mut transaction, &events(9)).await.unwrap();
    transaction.execute("INSERT INTO events (event_type, payload) VALUES ('user.signup', '{}')").await.unwrap();
    place.store.append_in(&mut transaction, &events(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(place.store.unrouted(20).await.unwrap().events.len(), 11);
}

#[tokio::test]
async fn a_row_and_its_event_are_rolled_back_together() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    transaction.execute("INSERT INTO orders VALUES (1)").await.unwrap();
    let kept = event("user.signup").idempotency_key("k").build();
    place.store.append_in(&mut transaction, slice::from_ref(&kept)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!((orders(&place).await, log(&place.store).await.len()), (0, 0));
    assert_eq!(place.store.append(vec![kept]).await.unwrap(), [Appended::Stored], "its key is free");
}

#[tokio::test]
async fn repetitions_are_found_in_a_transaction_and_do_not_end_it() {
    let place = with_orders().await;
    let first = event("user.signup").idempotency_key("k").build();
    place.store.append(vec![first.clone()]).await.unwrap();
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let again = event("user.signup").idempotency_key("k").build();
    let other = event("user.login").idempotency_key("k").build();
    let appended = place.store.append_in(&mut transaction, &[again, other]).await.unwrap();
    assert_eq!(appended, [Appended::Existing(first.clone()), Appended::Conflict(first.event_id)]);
    transaction.execute("INSERT INTO orders VALUES (1)").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!((orders(&place).await, log(&place.store).await.len()), (1, 1));
}

/// The application's own search path names another schema.
#[tokio::test]
async fn the_search_path_of_the_application_does_not_matter() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    connection.execute("SET search_path TO pg_catalog").await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    place.store.append_in(&mut transaction, &events(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(place.store.unrouted(10).await.unwrap().events.len(), 1);
}
