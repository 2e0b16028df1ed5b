//! The same idempotency key from everywhere at once: one event.

use std::{collections::HashSet, time::Instant};

use events_tests::{Home, PATIENCE, Store, eventually, numbered};
use tokio::task::JoinSet;

use super::cluster_with;

const PUBLISHERS: usize = 50;
const ROUNDS: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_publishers_in_two_processes_with_one_key_make_one_event() {
    let Some(store) = Store::postgres() else { return };
    let (cluster, receiver) = cluster_with(&store, None).await;
    let second_home = Home::on(&store, "");
    let second = second_home.start_as("api").await;
    let started = Instant::now();
    for round in 0..ROUNDS {
        let mut publishers = JoinSet::new();
        for publisher in 0..PUBLISHERS {
            let api = if publisher % 2 == 0 { cluster.api() } else { second.api() };
            publishers.spawn(async move { api.try_publish(&numbered(0, round)).await.unwrap() });
        }
        let answers = publishers.join_all().await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let found = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!((made, found), (1, PUBLISHERS - 1), "{answers:?}");
        let ids: HashSet<_> = answers.iter().map(|answer| answer.body["event_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1, "all got the same event");
    }
    let took = started.elapsed();
    assert_eq!(cluster.api().events().await.len() as u64, ROUNDS);
    eventually("each to be told", PATIENCE, async || {
        (receiver.ledger().accepted().len() as u64 == ROUNDS).then_some(())
    })
    .await;
    cluster.api().all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().not_once(0..ROUNDS), []);
    println!(
        "{ROUNDS} times {PUBLISHERS} publishers in two processes in {took:?}: one event each, {} answers with its id",
        PUBLISHERS - 1
    );
}
