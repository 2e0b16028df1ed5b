//! The broker's queue is emptied, removed, and filled with rubbish: word is only word.

use events_tests::{Load, PATIENCE, Rabbit, Store, eventually, reconcile};

use super::{
    CHANNELS, PUBLISHERS,
    broker::{REFERENCE, WithBroker},
};

const ROUNDS: usize = 5;
/// How often each reference comes.
const TIMES: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_emptied_or_deleted_is_no_loss() {
    let Some(store) = Store::postgres() else { return };
    let Some(url) = Rabbit::shared_url() else { return };
    let WithBroker { cluster, receiver, operator } = WithBroker::start(&store, &url).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    for _ in 0..ROUNDS {
        load.more(50).await;
        operator.purge().await;
        operator.delete().await;
        eventually("the queue to be back", PATIENCE, async || {
            operator.depth("slack").await.filter(|(_, workers)| *workers == 2)
        })
        .await;
    }
    // Nobody notices that word goes astray: it is confirmed, and the queue is there. Who was cut off by the last deletion
    // and comes back binds the queue again, so that it may take more than one attempt.
    let (before, _) = operator.depth("unrouted").await.unwrap();
    let astray = eventually("word to go astray", PATIENCE, async || {
        operator.unbind().await;
        load.more(50).await;
        let (astray, _) = operator.depth("unrouted").await?;
        Some(astray - before).filter(|astray| *astray > 0)
    })
    .await;
    let told = receiver.ledger().accepted().len();
    load.more(200).await;
    eventually("deliveries to go on", PATIENCE, async || {
        (receiver.ledger().accepted().len() > told + 200).then_some(())
    })
    .await;
    operator.delete().await;
    operator.workers_take().await;
    let ear = operator.listen().await;
    load.more(50).await;
    let after = ear.hears().await.len();
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    operator.workers_take().await;
    assert_eq!(sent.failed, 0);
    assert_eq!(found.duplicates, []);
    println!(
        "the queue was emptied and deleted {ROUNDS} times; {astray} references went astray, and {after} came after that: {found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn word_that_comes_ten_times_makes_nothing_happen_twice() {
    let Some(store) = Store::postgres() else { return };
    let Some(url) = Rabbit::shared_url() else { return };
    let WithBroker { cluster, receiver, operator } = WithBroker::start(&store, &url).await;
    let ear = operator.listen().await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    let mut references = 0;
    for _ in 0..ROUNDS {
        load.more(50).await;
        let heard = ear.hears().await;
        references += heard.len();
        operator.push(&heard, Some(REFERENCE), TIMES).await;
        // The copies of the copies are of no interest.
        ear.heard().await;
    }
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    operator.workers_take().await;
    assert_eq!(found.duplicates, []);
    println!("{references} references came {TIMES} times more: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_in_the_queue_is_put_aside() {
    let Some(store) = Store::postgres() else { return };
    let Some(url) = Rabbit::shared_url() else { return };
    let WithBroker { cluster, receiver, operator } = WithBroker::start(&store, &url).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(50).await;
    let bodies = [
        b"".to_vec(),
        b"\0\xff\xfe garbage".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        br#"{"handler":"slack","seqs":"all"}"#.to_vec(),
        br#"{"handler":"nobody","seqs":[1]}"#.to_vec(),
        vec![b'['; 100_000],
    ];
    operator.push(&bodies, None, TIMES).await;
    operator.push(&bodies, Some("text/plain"), TIMES).await;
    operator.push(&bodies, Some(REFERENCE), TIMES).await;
    // A good message whose event never was leads nowhere, and is no rubbish.
    operator.push(&[br#"{"handler":"slack","seqs":[9000000000000000000,-1]}"#.to_vec()], Some(REFERENCE), TIMES).await;
    let rubbish = u32::try_from(3 * TIMES * bodies.len()).unwrap();
    eventually("the rubbish to be put aside", PATIENCE, async || {
        operator.depth("dead").await.filter(|(letters, _)| *letters == rubbish)
    })
    .await;
    load.more(50).await;
    let sent = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &sent, PATIENCE).await;
    operator.workers_take().await;
    assert_eq!(found.duplicates, []);
    assert_eq!(cluster.logged("panicked"), 0);
    println!("{rubbish} messages of rubbish are in the queue for them: {found}");
}
