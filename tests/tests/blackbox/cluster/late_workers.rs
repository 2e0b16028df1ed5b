//! A worker sleeps past its lease and wakes up: the other one has its deliveries, and what it says is not heard.

use std::time::Instant;

use events_tests::{PATIENCE, Published, Receiver, Reply, Store, eventually, numbered, reconcile};

use super::{CHANNELS, LEASE, MARGIN, RESCUE, down, through, word_is_taken};

with_and_without_broker!(a_worker_that_slept_past_its_lease_settles_nothing);

async fn a_worker_that_slept_past_its_lease_settles_nothing(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let receiver = Receiver::start().await;
    receiver.answer_all(Reply::Hold);
    let (mut cluster, operator) = down(&store, broker.as_deref(), &receiver).await;
    cluster.start_api().await;
    cluster.start_worker(0).await;
    let mut published = Published::default();
    for channel in 0..CHANNELS {
        let number = u64::try_from(channel).unwrap();
        let event = cluster.api().publish(&numbered(channel, number)).await;
        published.ids.insert(number, event["event_id"].as_str().unwrap().to_owned());
    }
    eventually("its deliveries to be under way", PATIENCE, async || {
        (receiver.ledger().unanswered() == CHANNELS).then_some(())
    })
    .await;

    let slept = Instant::now();
    cluster.worker(0).suspend();
    cluster.start_worker(1).await;
    let bound = LEASE + RESCUE + MARGIN;
    eventually("the other worker to take over", bound, async || {
        (receiver.ledger().0.len() == 2 * CHANNELS).then_some(())
    })
    .await;
    let took = slept.elapsed();

    // It wakes up while the other one has them under way, and believes that they are still its own.
    cluster.worker(0).resume();
    eventually("the sleeper to notice", PATIENCE, async || {
        cluster.worker_has_logged(0, "Settled too late").then_some(())
    })
    .await;
    receiver.answer_all(Reply::Ok);
    receiver.release();
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;
    assert_eq!(found.messages, 2 * CHANNELS, "what the sleeper said changed nothing");
    assert_eq!((found.attempts("lost"), found.attempts("done"), found.attempts.len()), (CHANNELS, CHANNELS, 2));

    // It is a worker like any other again.
    cluster.kill_worker(1);
    word_is_taken(operator.as_ref(), 1).await;
    cluster.api().publish(&numbered(0, 20)).await;
    eventually("a message", PATIENCE, async || receiver.ledger().accepted().contains_key(&20).then_some(())).await;
    println!(
        "{}: a worker slept, its deliveries were taken over after {took:?}, the bound is {bound:?}: {found}",
        through(broker.as_deref())
    );
}
