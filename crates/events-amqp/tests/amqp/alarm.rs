//! A real alarm. It stops everybody who publishes on the broker, so it is run on request:
//! `EVENTS_TEST_AMQP_CONTROL=rabbitmqctl cargo test -p events-amqp -- --ignored real_alarm`.

use std::{env, process::Command};

use events_core::ports::{DeliveryQueue, QueueError};

use crate::broker::{Broker, eventually, push, receipts, receive, seqs, word};

/// The broker with so little memory that it is always short, until dropped.
struct Shortage;

impl Shortage {
    fn new() -> Self {
        limit(&["absolute", "1MB"]);
        Self
    }
}

impl Drop for Shortage {
    fn drop(&mut self) {
        limit(&["0.4"]); // RabbitMQ's own
    }
}

fn limit(to: &[&str]) {
    let control = env::var("EVENTS_TEST_AMQP_CONTROL").expect("EVENTS_TEST_AMQP_CONTROL names rabbitmqctl");
    let set = Command::new(control).arg("set_vm_memory_high_watermark").args(to).status();
    assert!(set.expect("rabbitmqctl runs").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it stops everybody who publishes on the broker"]
async fn a_real_alarm_stops_pushing_and_not_receiving() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    queue.push(word("slack", [1])).await.unwrap();
    let shortage = Shortage::new();
    // The broker says it to whoever publishes the next time.
    eventually("the alarm is told", async || {
        assert!(!matches!(queue.push(word("webhooks", 0..4_000)).await, Err(QueueError::Unknown(reason)) if reason.contains("no confirm")));
        queue.status().blocked.is_some()
    })
    .await;
    assert!(matches!(queue.push(word("slack", [2])).await, Err(QueueError::Unavailable(_))));
    let received = receive(&queue).await;
    assert_eq!(seqs(&received), [1]);
    queue.ack(receipts(&received)).await.unwrap();
    drop(shortage);
    eventually("its end is told", async || queue.status().blocked.is_none()).await;
    push(&queue, word("slack", [3])).await;
    assert_eq!(seqs(&receive(&queue).await), [3]);
    queue.close().await;
}
