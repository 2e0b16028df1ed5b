//! Every promise of the queue port, kept by RabbitMQ.

use std::sync::Arc;

use events_core::{ports::DeliveryQueue, testkit::QueueFixture};

use crate::broker::Broker;

events_core::queue_contract!(fixture);

/// Each test has an exchange of its own, so the tests do not meet.
async fn fixture() -> QueueFixture {
    let broker = Arc::new(Broker::new());
    let connected = Arc::clone(&broker);
    let connect = move || {
        let broker = Arc::clone(&connected);
        async move { Arc::new(broker.queue().await) as Arc<dyn DeliveryQueue> }
    };
    QueueFixture::new(connect, broker)
}
