//! The queue in memory keeps every promise of its port.

use std::sync::Arc;

use events_core::{
    ports::DeliveryQueue,
    testkit::{MemoryQueue, QueueFixture},
};

async fn memory() -> QueueFixture {
    let queue = Arc::new(MemoryQueue::new());
    let connect = {
        let queue = Arc::clone(&queue);
        move || {
            let another = queue.another();
            async move { Arc::new(another) as Arc<dyn DeliveryQueue> }
        }
    };
    QueueFixture::new(connect, queue)
}

events_core::queue_contract!(memory);
