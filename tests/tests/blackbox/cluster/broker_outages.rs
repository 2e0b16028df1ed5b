//! The broker goes away, or takes nothing any more: nobody who publishes notices, and the database is looked at instead.

use std::time::{Duration, Instant};

use events_tests::{Load, PATIENCE, Rabbit, Store, eventually, reconcile};

use super::{CHANNELS, PUBLISHERS, broker::WithBroker};

const OUTAGE: Duration = Duration::from_secs(30);
/// Messages that arrive meanwhile, at least: a channel takes one a second, and here it is told every few.
const ARRIVE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_minute_without_the_broker_is_half_a_minute_of_polling() {
    let Some(store) = Store::postgres() else { return };
    let Some(mut rabbit) = Rabbit::for_test() else { return };
    let WithBroker { cluster, receiver, operator } = WithBroker::start(&store, &rabbit.url()).await;
    let ear = operator.listen().await;
    let load = Load::start(cluster.api(), PUBLISHERS / 2, CHANNELS);
    load.more(200).await;
    let before = ear.hears().await.len();

    tokio::task::block_in_place(|| rabbit.stop()).unwrap();
    let (stopped, published) = (Instant::now(), load.acknowledged());
    let told = receiver.ledger().accepted().len();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    while stopped.elapsed() < OUTAGE {
        seconds.tick().await;
    }
    let meanwhile = receiver.ledger().accepted().len() - told;
    let published = load.acknowledged() - published;
    assert!(meanwhile >= ARRIVE, "{meanwhile} of {published} events were told without the broker");

    let starting = Instant::now();
    tokio::task::block_in_place(|| rabbit.start_again()).unwrap();
    let operator = operator.again(&rabbit.url()).await;
    operator.workers_take().await;
    let back = starting.elapsed();
    let ear = operator.listen().await;
    load.more(100).await;
    let after = ear.hears().await.len();
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    operator.workers_take().await;
    assert_eq!(sent.failed, 0, "publishing knows no broker");
    assert_eq!(found.duplicates, []);
    println!(
        "RabbitMQ was away for {OUTAGE:?}: {published} events were published meanwhile and {meanwhile} told by polling; word again {back:?} \
         after its start ({before} references before, {after} after): {found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_alarm_stops_word_and_nothing_else() {
    let Some(store) = Store::postgres() else { return };
    let Some(rabbit) = Rabbit::for_test() else { return };
    let WithBroker { cluster, receiver, operator } = WithBroker::start(&store, &rabbit.url()).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(200).await;

    let watermark = |value: &str| {
        tokio::task::block_in_place(|| rabbit.control(&["set_vm_memory_high_watermark", value])).unwrap();
    };
    watermark("0");
    eventually("the alarm to be noticed", PATIENCE, async || {
        (cluster.logged("RabbitMQ has an alarm") > 0).then_some(())
    })
    .await;
    let told = receiver.ledger().accepted().len();
    load.more(400).await;
    let enough = eventually("deliveries to go on", PATIENCE, async || {
        Some(receiver.ledger().accepted().len() - told).filter(|meanwhile| *meanwhile >= 200)
    });
    let meanwhile = enough.await;

    watermark("0.4");
    eventually("the end of the alarm", PATIENCE, async || (cluster.logged("alarm is over") > 0).then_some(())).await;
    let ear = operator.listen().await;
    load.more(100).await;
    let after = ear.hears().await.len();
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    operator.workers_take().await;
    assert_eq!(sent.failed, 0, "publishing knows no broker");
    assert_eq!(found.duplicates, []);
    println!("{meanwhile} events were told under a memory alarm, {after} references came after it: {found}");
}
