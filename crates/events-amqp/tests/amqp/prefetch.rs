//! How much word one process holds: what it can soon work on, and nothing that others could have.

use events_amqp::AmqpHandler;
use events_core::ports::{DeliveryQueue, Received};

use crate::broker::{Broker, eventually, receipts, receive, slack, started, word};

const CONCURRENCY: usize = 3;
/// References that wait before anybody asks.
const WAITING: u32 = 50;

/// The broker serves a queue in order and confirms a message when it has decided who gets what, so each count here
/// is final: what a process may hold beyond these, it would hold by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_holds_twice_its_concurrency_and_not_one_more() {
    let broker = Broker::new();
    let (operator, publishing) = (broker.operator().await, started(broker.publishing()).await);
    let queue_name = broker.name("slack");
    for seq in 0..WAITING {
        publishing.push(word("slack", [seq.into()])).await.unwrap();
    }
    let one_more = async || {
        publishing.push(word("slack", [1_000])).await.unwrap();
        operator.waiting(&queue_name).await
    };
    let mut options = broker.options();
    options.handlers = vec![AmqpHandler::with_concurrency(slack(), CONCURRENCY)];
    let queue = started(options).await;

    let mut held = Vec::new();
    let take = async |held: &mut Vec<Received>, count: usize| {
        while held.len() < count {
            held.extend(receive(&queue).await);
        }
        assert_eq!(held.len(), count);
    };
    take(&mut held, 2 * CONCURRENCY).await;
    assert_eq!(one_more().await, WAITING + 1 - 6, "it holds six and has settled none");

    // As many come anew as are settled.
    let settled: Vec<_> = held.drain(..4).collect();
    queue.ack(receipts(&settled)).await.unwrap();
    take(&mut held, 2 * CONCURRENCY).await;
    assert_eq!(one_more().await, WAITING + 2 - 4 - 6, "it holds six and has settled four");

    // And what it held is all there for others.
    queue.close().await;
    eventually("all that was held to wait again", async || operator.waiting(&queue_name).await == WAITING + 2 - 4)
        .await;
}
