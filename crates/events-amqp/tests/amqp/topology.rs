//! What operators do to queues, and brokers where nothing may be declared.

use events_amqp::AmqpQueue;
use events_core::{
    ports::{DeliveryQueue, QueueError},
    testkit::QueueFixture,
};
use futures_util::FutureExt;
use lapin::types::FieldTable;

use crate::broker::{Broker, LONG, eventually, push, receive, seqs, slack, started, word};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_deleted_is_declared_and_consumed_again() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    queue.push(word("slack", [1])).await.unwrap();
    assert_eq!(seqs(&receive(&queue).await), [1]);
    let operator = broker.operator().await;
    operator.delete_queue(&broker.name("slack")).await;
    eventually("the loss is noticed", async || {
        queue.status().last_error.is_some_and(|error| error.contains("was the queue deleted?"))
    })
    .await;
    queue.connected(LONG).await.unwrap();
    queue.push(word("slack", [2])).await.unwrap();
    assert_eq!(seqs(&receive(&queue).await), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_is_deleted_is_declared_again_with_its_bindings() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let exchange = broker.exchange.as_str().into();
    broker.operator().await.channel().await.exchange_delete(exchange, Default::default()).await.unwrap();
    let lost = queue.push(word("slack", [1])).await;
    assert!(matches!(&lost, Err(QueueError::Unknown(reason)) if reason.contains("no exchange")), "{lost:?}");
    push(&queue, word("slack", [2])).await;
    assert_eq!(seqs(&receive(&queue).await), [2]);
}

/// Whoever waits while the queue is deleted learns of it, and looks for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_queue_that_is_deleted_is_told() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let (slack, operator) = (slack(), broker.operator().await);
    let queue_name = broker.name("slack");
    let (answer, ()) = tokio::join!(queue.receive(&slack, 1), operator.delete_queue(&queue_name));
    assert!(matches!(answer, Err(QueueError::Unavailable(_))), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_purged_goes_on() {
    let broker = Broker::new();
    let publishing = started(broker.publishing()).await;
    publishing.push(word("slack", 0..100)).await.unwrap();
    let operator = broker.operator().await;
    assert_eq!(operator.waiting(&broker.name("slack")).await, 4);
    operator.purge(&broker.name("slack")).await;
    let queue = broker.queue().await;
    publishing.push(word("slack", [100])).await.unwrap();
    assert_eq!(seqs(&receive(&queue).await), [100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passive_queue_declares_nothing_and_names_what_is_missing() {
    let broker = Broker::new();
    let mut options = broker.options();
    options.passive = true;
    let queue = AmqpQueue::start(options).unwrap();
    eventually("a push is refused, and the exchange named", async || {
        let error = queue.push(word("slack", [1])).await.unwrap_err();
        matches!(&error, QueueError::Unavailable(reason) if reason.contains(&format!("exchange '{}'", broker.exchange)))
    })
    .await;
    let operator = broker.operator().await;
    for of in ["slack", "unrouted", "dead"] {
        assert_eq!(operator.waiting(&broker.name(of)).await, 0, "there is no such queue");
    }
    let declaring = broker.queue().await; // somebody makes the topology
    declaring.close().await;
    queue.connected(LONG).await.unwrap();
    assert_eq!(queue.status().faults, Vec::<String>::new());
    push(&queue, word("slack", [2])).await;
    assert_eq!(seqs(&receive(&queue).await), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_options_is_used_as_it_is_and_told_of() {
    let broker = Broker::new();
    let operator = broker.operator().await;
    operator.declare(&broker.name("slack"), FieldTable::default()).await; // classic, no dead letters
    let queue = broker.queue().await;
    let faults = queue.status().faults;
    assert!(faults.len() == 1 && faults[0].contains("PRECONDITION_FAILED"), "{faults:?}");
    push(&queue, word("slack", [1])).await;
    assert_eq!(seqs(&receive(&queue).await), [1]);
    let depths = queue.depth().await.unwrap();
    let fault = |handler: &str| depths.iter().find(|depth| depth.handler.as_str() == handler).unwrap().fault.clone();
    assert!(fault("slack").is_some_and(|fault| fault.contains("inequivalent arg")), "{depths:?}");
    assert_eq!(fault("webhooks"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn depth_counts_what_waits_and_who_listens() {
    let broker = Broker::new();
    let publishing = started(broker.publishing()).await;
    publishing.push(word("slack", 0..80)).await.unwrap();
    let depths = publishing.depth().await.unwrap();
    let found: Vec<_> =
        depths.iter().map(|depth| (depth.handler.as_str(), depth.waiting, depth.consumers, &depth.fault)).collect();
    assert_eq!(found, [("slack", 3, 0, &None), ("webhooks", 0, 0, &None)]);
    let queue = broker.queue().await;
    for handler in QueueFixture::handlers() {
        assert!(queue.receive(&handler, 1).now_or_never().is_none_or(|word| word.is_ok())); // somebody asks
    }
    eventually("a consumer of each", async || {
        publishing.depth().await.unwrap().iter().all(|depth| depth.consumers == 1)
    })
    .await;
    broker.operator().await.delete_queue(&broker.name("webhooks")).await;
    eventually("the queue is back, or said to be missing", async || {
        let depths = publishing.depth().await.unwrap();
        depths[1].fault.is_some() || depths[1].consumers == 1
    })
    .await;
}
