//! The broker, or the way to it, comes and goes.

use std::time::Duration;

use events_amqp::{AmqpOptions, AmqpQueue};
use events_core::ports::{DeliveryQueue, QueueError, Receipt};
use futures_util::FutureExt;
use tokio::net::TcpListener;

use crate::{
    broker::{Broker, LONG, eventually, push, receipts, receive, seqs, slack, started, word},
    proxy::Proxy,
};

fn through(proxy: &Proxy, options: AmqpOptions) -> AmqpOptions {
    AmqpOptions { url: proxy.url().into(), ..options }
}

fn is_unavailable<T: std::fmt::Debug>(answer: Option<Result<T, QueueError>>) {
    assert!(matches!(answer, Some(Err(QueueError::Unavailable(_)))), "{answer:?}");
}

/// Nothing is waited for: the first step of each future is its last.
fn refuses_at_once(queue: &AmqpQueue) {
    is_unavailable(queue.push(word("slack", [1])).now_or_never());
    is_unavailable(queue.receive(&slack(), 1).now_or_never());
    is_unavailable(queue.ack(vec![Receipt(1)]).now_or_never());
    is_unavailable(queue.nack(vec![Receipt(1)]).now_or_never());
    is_unavailable(queue.depth().now_or_never());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_away_every_method_says_so_at_once() {
    let broker = Broker::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let queue = AmqpQueue::start(AmqpOptions { url: format!("amqp://{nobody}").into(), ..broker.options() }).unwrap();
    refuses_at_once(&queue);
    eventually("a try to connect", async || queue.status().last_error.is_some()).await;
    refuses_at_once(&queue);
    assert!(queue.connected(Duration::ZERO).await.is_err());
}

/// Somebody accepts the connection and says nothing. Nobody waits for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_silent_every_method_says_so_at_once() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    proxy.hold();
    let queue = AmqpQueue::start(through(&proxy, broker.options())).unwrap();
    refuses_at_once(&queue);
    proxy.pass();
    queue.connected(LONG).await.unwrap();
    queue.push(word("slack", [1])).await.unwrap();
    assert_eq!(seqs(&receive(&queue).await), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_broker_was_away_everything_goes_on() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let queue = started(through(&proxy, broker.options())).await;
    for round in 1..=3 {
        proxy.refuse();
        eventually("the loss is noticed", async || !queue.status().connected).await;
        eventually("pushes are refused", async || {
            matches!(queue.push(word("slack", [0])).await, Err(QueueError::Unavailable(_)))
        })
        .await;
        eventually("receiving is refused", async || {
            matches!(queue.receive(&slack(), 1).now_or_never(), Some(Err(QueueError::Unavailable(_))))
        })
        .await;
        proxy.pass();
        queue.connected(LONG).await.unwrap();
        push(&queue, word("slack", [round])).await;
        let mut found = Vec::new();
        while !found.contains(&round) {
            let received = receive(&queue).await;
            found.extend(seqs(&received));
            queue.ack(receipts(&received)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_told_when_the_connection_breaks() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let queue = started(through(&proxy, broker.options())).await;
    let slack = slack();
    let waiting = queue.receive(&slack, 1);
    proxy.cut();
    is_unavailable(tokio::time::timeout(LONG, waiting).await.ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_held_comes_again_and_the_old_receipt_means_nothing() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let queue = started(through(&proxy, broker.options())).await;
    queue.push(word("slack", [1])).await.unwrap();
    let before = receive(&queue).await;
    proxy.cut();
    eventually("the loss is noticed", async || !queue.status().connected).await;
    queue.connected(LONG).await.unwrap();
    let after = receive(&queue).await;
    assert_eq!((seqs(&before), seqs(&after)), (vec![1], vec![1]));
    assert_ne!(receipts(&before), receipts(&after));
    queue.ack(receipts(&before)).await.unwrap();
    queue.nack(receipts(&before)).await.unwrap();
    drop(queue); // so what was not acknowledged goes to another
    let heir = broker.queue().await;
    assert_eq!(seqs(&receive(&heir).await), [1]);
}

/// The way falls silent with a push on it: it may have arrived.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_confirm_the_outcome_is_unknown_and_the_connection_is_made_anew() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let mut options = through(&proxy, broker.publishing());
    options.confirm_timeout = Duration::from_millis(50);
    let queue = started(options).await;
    proxy.hold();
    let answer = queue.push(word("slack", [1])).await;
    assert!(matches!(&answer, Err(QueueError::Unknown(reason)) if reason.contains("no confirm")), "{answer:?}");
    is_unavailable(Some(queue.push(word("slack", [1])).await));
    proxy.pass();
    queue.connected(LONG).await.unwrap();
    push(&queue, word("slack", [2])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_was_cut_off_is_unknown() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let mut options = through(&proxy, broker.publishing());
    options.confirm_timeout = LONG;
    let queue = started(options).await;
    proxy.hold();
    let mut pushed = queue.push(word("slack", 0..5_000));
    assert!(pushed.as_mut().now_or_never().is_none());
    proxy.cut();
    let answer = tokio::time::timeout(LONG, pushed).await.expect("an answer");
    // It had not begun, or nobody knows how far it came.
    assert!(answer.is_err(), "{answer:?}");
    proxy.pass();
    push(&queue, word("slack", [1])).await;
}

/// A machine that is unplugged says nothing. Heartbeats do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_notices_that_the_other_side_is_gone() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let mut options = through(&proxy, broker.options());
    options.url = format!("{}?heartbeat=1", proxy.url()).into();
    let queue = started(options).await;
    let slack = slack();
    let waiting = queue.receive(&slack, 1);
    proxy.hold();
    is_unavailable(tokio::time::timeout(LONG, waiting).await.ok());
    proxy.cut(); // otherwise the silent connections hold what they hold for a while
    proxy.pass();
    queue.connected(LONG).await.unwrap();
    push(&queue, word("slack", [1])).await;
    assert_eq!(seqs(&receive(&queue).await), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn during_an_alarm_pushes_are_refused_at_once() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let queue = started(through(&proxy, broker.publishing())).await;
    queue.push(word("slack", [1])).await.unwrap();
    for _ in 0..3 {
        proxy.say_blocked("low on memory");
        eventually("the alarm is noticed", async || queue.status().blocked.as_deref() == Some("low on memory")).await;
        is_unavailable(queue.push(word("slack", [2])).now_or_never());
        is_unavailable(queue.depth().now_or_never());
        proxy.say_unblocked();
        eventually("its end is noticed", async || queue.status().blocked.is_none()).await;
        push(&queue, word("slack", [3])).await;
    }
}

/// The alarm comes with a push on its way, which may have been read or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_in_the_middle_of_a_push_leaves_it_unknown() {
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let mut options = through(&proxy, broker.publishing());
    options.confirm_timeout = LONG * 2;
    let queue = started(options).await;
    proxy.hold();
    let pushed = queue.push(word("slack", [1]));
    let alarm = async {
        tokio::task::yield_now().await;
        proxy.say_blocked("low on disk");
    };
    let (answer, ()) = tokio::join!(tokio::time::timeout(LONG, pushed), alarm);
    // Unavailable, if the alarm was there first.
    assert!(answer.expect("an answer during the alarm").is_err());
    assert_eq!(queue.status().blocked.as_deref(), Some("low on disk"));
    proxy.pass();
    proxy.say_unblocked();
    push(&queue, word("slack", [2])).await;
}
