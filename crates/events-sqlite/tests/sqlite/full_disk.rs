//! A disk that is full, and has space again.

use events_core::{
    EventHistory, EventStore, StoreError,
    ports::{RoutedEvent, TimelineQuery},
    testkit::{at, claim, delivery, done, event},
};
use events_sqlite::SqliteStore;
use sqlx::{Connection, sqlite::SqliteConnectOptions};

use crate::support::log;

#[tokio::test]
async fn a_full_disk_refuses_writes_answers_reads_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.db");
    let store = SqliteStore::open_bounded(&path, 300).await.unwrap();
    // The bound is the connection's own, so another one can take the space away and give it back.
    let mut other = sqlx::SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path)).await.unwrap();
    sqlx::raw_sql("CREATE TABLE ballast (bytes BLOB); INSERT INTO ballast VALUES (zeroblob(700000))")
        .execute(&mut other)
        .await
        .unwrap();

    let large = || event("import.completed").payload(serde_json::json!({ "text": "x".repeat(20_000) })).build();
    let mut stored = 0;
    let error = loop {
        match store.append(vec![large()]).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full(_)), "{error}");
    assert!(stored > 0, "there was some space");

    // A group, in one transaction.
    let (first, second) = tokio::join!(store.append(vec![large()]), store.append(vec![large(), large()]));
    assert!(matches!(first, Err(StoreError::Full(_))), "{first:?}");
    assert!(matches!(second, Err(StoreError::Full(_))), "{second:?}");

    assert_eq!(log(&store).await.len(), stored, "reads go on, and nothing was stored in part");
    assert_eq!(store.timeline(TimelineQuery::default()).await.unwrap().items.len(), stored.min(50));

    sqlx::query("DROP TABLE ballast").execute(&mut other).await.unwrap();
    store.append(vec![large()]).await.unwrap();
    let seq = store.unrouted(1).await.unwrap().events[0].seq;
    let routed = RoutedEvent { seq, deliveries: vec![delivery("slack", "a")], cancellations: Vec::new() };
    store.route(vec![routed], at(0)).await.unwrap();
    let claimed = store.claim(claim("slack").build()).await.unwrap();
    assert_eq!(store.settle(vec![done(&claimed[0], at(1))]).await.unwrap().settled, 1);
    assert_eq!(log(&store).await.len(), stored + 1);
}
