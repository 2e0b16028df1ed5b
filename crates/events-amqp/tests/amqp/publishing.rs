//! Publishing: batches, answers, and pushes that nobody waits for.

use std::collections::BTreeSet;

use events_core::ports::{DeliveryQueue, QueueError};
use futures_util::{FutureExt, future::join_all};
use lapin::{ExchangeKind, options::ExchangeDeclareOptions, types::FieldTable};

use crate::broker::{Broker, eventually, push, receipts, receive, seqs, slack, started, word};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_push_of_many_at_once_is_answered_and_arrives() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let pushes = (0..200).map(|seq| queue.push(word("slack", [seq])));
    for answer in join_all(pushes).await {
        answer.unwrap();
    }
    let mut missing: BTreeSet<i64> = (0..200).collect();
    while !missing.is_empty() {
        let received = receive(&queue).await;
        for seq in seqs(&received) {
            missing.remove(&seq);
        }
        queue.ack(receipts(&received)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_dropped_leaves_the_next_one_alone() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    for seq in 0..100 {
        // Given up in its first step, or while it waits for confirms.
        let mut dropped = queue.push(word("slack", 0..400));
        assert!(dropped.as_mut().now_or_never().is_none());
        drop(dropped);
        if seq % 10 == 0 {
            queue.push(word("webhooks", [seq])).await.unwrap();
        }
    }
    push(&queue, word("slack", [1_000])).await;
    let mut found = false;
    while !found {
        let received = receive(&queue).await;
        found = seqs(&received).contains(&1_000);
        queue.ack(receipts(&received)).await.unwrap();
    }
}

/// The library may hand a returned message to the confirm of another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_returned_is_told_to_whoever_pushed_it_and_nobody_else() {
    let broker = Broker::new();
    let operator = broker.operator().await;
    // Somebody made the topology, and forgot a queue and the alternate exchange.
    let (name, durable) = (broker.exchange.as_str(), ExchangeDeclareOptions { durable: true, ..Default::default() });
    operator
        .channel()
        .await
        .exchange_declare(name.into(), ExchangeKind::Direct, durable, FieldTable::default())
        .await
        .unwrap();
    // Not durable, so that it confirms at once, together with what is returned.
    let (queue, transient) = (broker.name("slack"), Default::default());
    operator.channel().await.queue_declare(queue.into(), transient, FieldTable::default()).await.unwrap();
    let (queue, bind) = (broker.name("slack"), Default::default());
    operator
        .channel()
        .await
        .queue_bind(queue.into(), name.into(), "slack".into(), bind, FieldTable::default())
        .await
        .unwrap();
    let mut options = broker.publishing();
    options.passive = true;
    let queue = started(options).await;

    let pushes = (0..300).map(|seq| queue.push(word(if seq % 3 == 0 { "webhooks" } else { "slack" }, 0..70)));
    for (seq, answer) in join_all(pushes).await.into_iter().enumerate() {
        match answer {
            Ok(()) => assert_ne!(seq % 3, 0, "push {seq} went nowhere"),
            Err(QueueError::Unavailable(reason)) => {
                assert_eq!(seq % 3, 0, "push {seq}: {reason}");
                assert_eq!(reason, "no queue takes word for `webhooks`");
            }
            Err(error) => panic!("push {seq}: {error}"),
        }
    }
    assert_eq!(operator.waiting(&broker.name("slack")).await, 200 * 3);
    let faults = queue.status().faults;
    assert!(faults.iter().any(|fault| fault.contains(&broker.name("webhooks"))), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_without_a_queue_is_kept_where_it_can_be_seen() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    queue.push(word("email", [1])).await.unwrap();
    let operator = broker.operator().await;
    eventually("the word in the queue of unrouted ones", async || {
        operator.waiting(&broker.name("unrouted")).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_told_and_nothing_else_is_held_up() {
    let broker = Broker::new();
    let operator = broker.operator().await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), 1.into());
    arguments.insert("x-overflow".into(), lapin::types::AMQPValue::LongString("reject-publish".into()));
    operator.declare(&broker.name("slack"), arguments).await;
    let queue = started(broker.publishing()).await;
    let mut error = None;
    eventually("a push that does not fit", async || {
        error = queue.push(word("slack", [1])).await.err();
        error.is_some()
    })
    .await;
    assert!(matches!(error, Some(QueueError::Unknown(reason)) if reason.contains("full")));
    queue.push(word("webhooks", [1])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_word_ten_times_is_received_and_settled_ten_times() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    for _ in 0..10 {
        queue.push(word("slack", [3])).await.unwrap();
    }
    let mut received = Vec::new();
    while received.len() < 10 {
        received.extend(receive(&queue).await);
    }
    assert_eq!(seqs(&received), [3; 10]);
    queue.ack(receipts(&received)).await.unwrap();
    queue.close().await;
    let operator = broker.operator().await;
    assert_eq!(operator.waiting(&broker.name("slack")).await, 0, "all of them are settled");
    assert!(queue.receive(&slack(), 1).await.is_err());
}
