//! The end of a queue, in order and not.

use std::time::Duration;

use events_amqp::AmqpQueue;
use events_core::ports::{DeliveryQueue, QueueError};

use crate::{
    broker::{Broker, eventually, receive, seqs, slack, started, word},
    proxy::Proxy,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_queue_hands_on_what_it_held_and_answers_nothing_more() {
    let broker = Broker::new();
    let (closing, other) = (broker.queue().await, started(broker.publishing()).await);
    other.push(word("slack", [1])).await.unwrap();
    assert_eq!(seqs(&receive(&closing).await), [1]);
    closing.close().await;
    closing.close().await; // twice is as good
    let refused = |answer: Result<(), QueueError>| assert!(matches!(answer, Err(QueueError::Unavailable(_))));
    refused(closing.push(word("slack", [2])).await);
    refused(closing.receive(&slack(), 1).await.map(|_| ()));
    refused(closing.ack(vec![events_core::ports::Receipt(1)]).await);
    refused(closing.depth().await.map(|_| ()));
    assert!(!closing.status().connected);
    let heir = broker.queue().await;
    assert_eq!(seqs(&receive(&heir).await), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_under_way_comes_to_its_end_before_the_queue_is_closed() {
    let broker = Broker::new();
    let queue = started(broker.publishing()).await;
    let pushed = queue.push(word("slack", 0..5_000));
    let close = async {
        tokio::task::yield_now().await;
        queue.close().await;
    };
    let (answer, ()) = tokio::join!(pushed, close);
    match answer {
        Ok(()) => assert_eq!(broker.operator().await.waiting(&broker.name("slack")).await, 157),
        Err(error) => assert!(matches!(error, QueueError::Unavailable(_) | QueueError::Unknown(_))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_does_not_wait_for_a_broker_that_is_silent() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let queue = started(events_amqp::AmqpOptions { url: proxy.url().into(), ..broker.options() }).await;
    proxy.hold();
    tokio::time::timeout(Duration::from_secs(20), queue.close()).await.expect("it ends");
}

/// The library would wait for an answer to its goodbye until the heartbeats fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_dropped_leaves_no_connection_even_if_the_broker_is_silent() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let url = format!("{}?heartbeat=60", proxy.url()).into();
    let queue = started(events_amqp::AmqpOptions { url, ..broker.options() }).await;
    assert_eq!(proxy.connections(), 2);
    proxy.hold();
    drop(queue);
    eventually("both connections end", async || proxy.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_only_publishes_takes_no_word() {
    let broker = Broker::new();
    let queue = started(broker.publishing()).await;
    queue.push(word("slack", [1])).await.unwrap();
    assert!(matches!(queue.receive(&slack(), 1).await, Err(QueueError::Unavailable(_))));
    let operator = broker.operator().await;
    eventually("it waits for others", async || operator.waiting(&broker.name("slack")).await == 1).await;
}

/// A process whose runtime ends without a goodbye: the broker learns of it all the same.
#[test]
fn a_runtime_that_ends_first_loses_nothing() {
    let broker = Broker::new();
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = runtime();
    let queue = first.block_on(async {
        let queue = broker.queue().await;
        queue.push(word("slack", [1])).await.unwrap();
        assert_eq!(seqs(&receive(&queue).await), [1]);
        queue
    });
    drop(first);
    drop(queue);
    let second = runtime();
    second.block_on(async {
        let heir = broker.queue().await;
        assert_eq!(seqs(&receive(&heir).await), [1]);
        heir.close().await;
    });
}

#[test]
fn a_bad_url_is_refused_before_anything_is_started() {
    let broker = Broker::new();
    let mut options = broker.options();
    options.url = "http://u:hunter2hunter2@localhost".into();
    let error = AmqpQueue::start(options).unwrap_err();
    assert_eq!(error.to_string(), "the URL of the broker is wrong: its scheme is neither `amqp` nor `amqps`");
}
