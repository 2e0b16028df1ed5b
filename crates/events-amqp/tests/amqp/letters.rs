//! Messages that cannot be understood, or that come back for ever.

use events_core::ports::DeliveryQueue;

use crate::broker::{Broker, eventually, receipts, receive, seqs, word};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_reference_becomes_a_dead_letter_and_stops_nobody() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let operator = broker.operator().await;
    let kind = Some("events.reference.v2");
    let poison: [(Option<&str>, &[u8]); 7] = [
        (kind, b"\x1b[2Jnot json"),
        (kind, b""),
        (kind, &[0xff; 100_000]),
        (kind, br#"{"handler":"webhooks","seqs":[1]}"#),
        (kind, br#"{"handler":"slack"}"#),
        (None, br#"{"handler":"slack","seqs":[1]}"#),
        (Some("events.reference.v1"), br#"{"handler":"slack","seqs":[1]}"#),
    ];
    for (kind, body) in poison {
        operator.publish(&broker.exchange, "slack", kind, body).await;
    }
    queue.push(word("slack", [5])).await.unwrap();
    let received = receive(&queue).await;
    assert_eq!(seqs(&received), [5]);
    queue.ack(receipts(&received)).await.unwrap();
    eventually("seven dead letters", async || operator.waiting(&broker.name("dead")).await == 7).await;
    let reasons = operator.reasons(&broker.name("dead")).await;
    assert_eq!(reasons, ["rejected"; 7], "each was refused when it came for the first time");
    assert!(queue.status().connected);
}

/// More of them than are prefetched: none of them holds a place for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_poison_does_not_use_up_the_prefetch() {
    let broker = Broker::new();
    let mut options = broker.options();
    options.handlers[0].prefetch = 2;
    let queue = crate::broker::started(options).await;
    let operator = broker.operator().await;
    for _ in 0..20 {
        operator.publish(&broker.exchange, "slack", None, b"poison").await;
    }
    queue.push(word("slack", [5])).await.unwrap();
    assert_eq!(seqs(&receive(&queue).await), [5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_for_ever_becomes_a_dead_letter() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let operator = broker.operator().await;
    queue.push(word("slack", [4])).await.unwrap();
    let mut times = 0;
    while operator.waiting(&broker.name("dead")).await == 0 {
        let received = tokio::select! {
            received = receive(&queue) => received,
            () = eventually("a dead letter", async || operator.waiting(&broker.name("dead")).await == 1) => break,
        };
        times += 1;
        assert!(times < 100, "it came back {times} times");
        queue.nack(receipts(&received)).await.unwrap();
    }
    assert!(times > 20, "it came back {times} times only");
}
