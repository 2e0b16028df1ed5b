//! Word by `NOTIFY` keeps the promises of the queue port.

use std::sync::Arc;

use events_core::{ports::DeliveryQueue, testkit::QueueFixture};
use events_postgres::PgQueue;

use crate::support::Schema;

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
