//! Figures, on request: `cargo test -p events-amqp --release -- --ignored --nocapture measure`.

use std::time::{Duration, Instant};

use events_core::ports::DeliveryQueue;
use futures_util::{StreamExt, stream::FuturesUnordered};
use lapin::{BasicProperties, Channel, Consumer, options::BasicPublishOptions};

use crate::broker::{Broker, Operator, receipts, receive, started, word};

const CALLS: i64 = 800;
const EVENTS: i64 = 500;
const WINDOW: usize = 256;

/// 400,000 events in calls of 500: 12,800 references. The same number by the bare library, with
/// as many confirms in flight, to a queue with the same options.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_pushing() {
    for round in 1..=3 {
        let broker = Broker::new();
        let queue = started(broker.publishing()).await;
        let references = CALLS * ((EVENTS + 31) / 32);
        let begun = Instant::now();
        for call in 0..CALLS {
            queue.push(word("slack", call * EVENTS..(call + 1) * EVENTS)).await.unwrap();
        }
        let ours = begun.elapsed();

        let channel = broker.operator().await.channel().await;
        channel.confirm_select(Default::default()).await.unwrap();
        let body = serde_json::to_vec(&word("webhooks", 100_000..100_032)[0]).unwrap();
        let mut window = FuturesUnordered::new();
        let begun = Instant::now();
        for _ in 0..references {
            if window.len() == WINDOW {
                window.next().await;
            }
            let properties = BasicProperties::default().with_delivery_mode(2);
            let (exchange, options) = (broker.exchange.as_str().into(), BasicPublishOptions::default());
            window.push(channel.basic_publish(exchange, "webhooks".into(), options, &body, properties).await.unwrap());
        }
        while window.next().await.is_some() {}
        let bare = begun.elapsed();
        let rate = |elapsed: Duration| references as f64 / elapsed.as_secs_f64();
        println!(
            "round {round}: {references} references; pushed {:.0}/s, bare library {:.0}/s, ratio {:.2}",
            rate(ours),
            rate(bare),
            rate(ours) / rate(bare)
        );
    }
}

/// From the push of one reference to its receipt, ten a second; and the same by the bare library,
/// through a queue with the same options and through a classic one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_latency() {
    let broker = Broker::new();
    let queue = broker.queue().await;
    let operator = broker.operator().await;
    let classic = broker.name("dead"); // durable, too, and there already
    let bare_quorum = Bare::new(&operator, &broker.name("webhooks")).await;
    let bare_classic = Bare::new(&operator, &classic).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut times = [const { Vec::new() }; 4];
    for seq in 0..300 {
        ticks.tick().await;
        let begun = Instant::now();
        let push = async {
            queue.push(word("slack", [seq])).await.unwrap();
            begun.elapsed()
        };
        let arrive = async {
            let received = receive(&queue).await;
            let elapsed = begun.elapsed();
            queue.ack(receipts(&received)).await.unwrap();
            elapsed
        };
        let (confirmed, received) = tokio::join!(push, arrive);
        times[0].push(received);
        times[1].push(confirmed);
        times[2].push(bare_quorum.journey().await);
        times[3].push(bare_classic.journey().await);
    }
    for (what, mut times) in
        ["push to receive", "push to confirm", "bare, quorum", "bare, classic"].into_iter().zip(times)
    {
        times.sort();
        println!(
            "{what}: p50 {:?}, p99 {:?}, of {}",
            times[times.len() / 2],
            times[times.len() * 99 / 100],
            times.len()
        );
    }
}

/// A consumer and a publisher of the bare library.
struct Bare {
    channel: Channel,
    consumer: tokio::sync::Mutex<Consumer>,
    queue: String,
}

impl Bare {
    async fn new(operator: &Operator, queue: &str) -> Self {
        let channel = operator.channel().await;
        let (name, tag) = (queue.into(), "".into());
        let consumer = channel.basic_consume(name, tag, Default::default(), Default::default()).await.unwrap();
        Self { channel, consumer: consumer.into(), queue: queue.to_owned() }
    }

    async fn journey(&self) -> Duration {
        let mut consumer = self.consumer.lock().await;
        let begun = Instant::now();
        let properties = BasicProperties::default().with_delivery_mode(2);
        let (key, options) = (self.queue.as_str().into(), Default::default());
        let publish = self.channel.basic_publish("".into(), key, options, b"word", properties);
        drop(publish.await.unwrap());
        let delivery = consumer.next().await.unwrap().unwrap();
        let elapsed = begun.elapsed();
        delivery.ack(Default::default()).await.unwrap();
        elapsed
    }
}
