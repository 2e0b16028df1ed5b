//! Events in a transaction of the application.

use events_core::{EventStore, testkit::event};
use events_sqlite::SqliteStore;
use sqlx::Connection;

use crate::support::{Place, events, log};

async fn orders(place: &Place) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM orders");
    count.fetch_one(&mut place.connection().await).await.unwrap()
}

async fn with_orders() -> Place {
    let place = Place::new().await;
    sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&mut place.connection().await).await.unwrap();
    place
}

#[tokio::test]
async fn a_row_and_its_event_are_committed_together() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut *transaction).await.unwrap();
    SqliteStore::append_in(&mut transaction, &events(2)).await.unwrap();
    assert_eq!(log(&place.store).await, [], "nobody sees it before the commit");
    transaction.commit().await.unwrap();
    assert_eq!((orders(&place).await, place.store.unrouted(10).await.unwrap().events.len()), (1, 2));
}

#[tokio::test]
async fn a_row_and_its_event_are_rolled_back_together() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("INSERT INTO orders VALUES (1)").execute(&mut *transaction).await.unwrap();
    let kept = event("user.signup").idempotency_key("k").build();
    SqliteStore::append_in(&mut transaction, std::slice::from_ref(&kept)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!((orders(&place).await, log(&place.store).await.len()), (0, 0));
    let appended = place.store.append(vec![kept]).await.unwrap();
    assert_eq!(appended, [events_core::ports::Appended::Stored], "its key is free");
}

#[tokio::test]
async fn the_store_waits_for_an_application_that_is_writing() {
    let place = with_orders().await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    SqliteStore::append_in(&mut transaction, &events(1)).await.unwrap();
    let (appended, committed) = tokio::join!(place.store.append(events(1)), async {
        tokio::task::yield_now().await; // the store has begun to wait
        transaction.commit().await
    });
    appended.unwrap();
    committed.unwrap();
    assert_eq!(log(&place.store).await.len(), 2);
}
