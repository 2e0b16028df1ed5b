//! Word by `NOTIFY` keeps the promises of the queue port.

use std::sync::Arc;

use events_core::{
    EventStore, Seq,
    ports::{DeliveryQueue, Reference},
    testkit::QueueFixture,
};
use events_postgres::PgQueue;

use crate::support::{Place, Schema, events};

/// Each connection is a process with a store of its own.
async fn postgres() -> QueueFixture {
    let schema = Arc::new(Schema::new());
    drop(schema.open().await);
    let connect = {
        let schema = Arc::clone(&schema);
        move || {
            let schema = Arc::clone(&schema);
            async move {
                let store = schema.open().await;
                let queue = PgQueue::start(&store);
                queue.listening().await;
                Arc::new(queue) as Arc<dyn DeliveryQueue>
            }
        }
    };
    QueueFixture::new(connect, schema)
}

events_core::queue_contract!(postgres);

/// A process that publishes only is heard by those who work, and has no session that listens.
#[tokio::test]
async fn one_that_only_tells_is_heard_and_does_not_listen() {
    let place = Place::new().await;
    let (api, worker) = (place.schema.open().await, place.schema.open().await);
    let (telling, listening) = (PgQueue::telling(&api), PgQueue::start(&worker));
    listening.listening().await;
    let reference = Reference { handler: "slack".into(), seqs: vec![Seq(1)] };
    telling.push(vec![reference]).await.unwrap();
    assert_eq!(listening.receive(&"slack".into(), 1).await.unwrap().len(), 1);
    api.append(events(1)).await.unwrap();
    listening.unrouted().await;
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE query = $1")
        .bind(format!("LISTEN \"events_{}\"", worker.schema()))
        .fetch_one(&mut place.connection().await)
        .await
        .unwrap();
    assert_eq!(sessions, 1);
}
