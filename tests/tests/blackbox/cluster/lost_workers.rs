//! A worker is killed in the middle of its deliveries: the others take over.

use std::{collections::BTreeSet, time::Instant};

use events_tests::{Load, PATIENCE, Reply, Store, eventually, reconcile};

use super::{CHANNELS, LEASE, MARGIN, PUBLISHERS, RESCUE, cluster, session};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_of_a_killed_worker_go_to_the_other_one_within_their_lease() {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster(&store).await;
    let mut session = session(&store).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(200).await;

    receiver.answer_all(Reply::Hold);
    let of_first = format!("%-{}", cluster.worker(0).pid());
    let leased = eventually("both workers to have deliveries under way", PATIENCE, async || {
        let query = "SELECT count(*) FILTER (WHERE worker LIKE $1), count(*) FILTER (WHERE worker NOT LIKE $1)
                     FROM deliveries WHERE lease_until IS NOT NULL";
        let counts: (i64, i64) = sqlx::query_as(query).bind(&of_first).fetch_one(&mut session).await.unwrap();
        (counts.0 >= 10 && counts.1 >= 10 && receiver.ledger().unanswered() >= CHANNELS).then_some(counts)
    });
    let (leased, of_second) = leased.await;
    let killed = Instant::now();
    cluster.kill_worker(0);
    // What the receiver has seen and not answered may be told again, and nothing else.
    let ledger = receiver.ledger();
    let under_way = ledger.0.iter().filter(|message| message.answered.is_none());
    let under_way: BTreeSet<u64> = under_way.flat_map(|message| message.numbers.clone()).collect();
    receiver.answer_all(Reply::Ok);
    receiver.release();
    load.more(200).await;
    let published = load.end().await;
    let bound = LEASE + RESCUE + MARGIN;
    let found = reconcile(&cluster.api(), &receiver, &published, bound.saturating_sub(killed.elapsed())).await;
    let took = killed.elapsed();

    assert_eq!(published.failed, 0, "publishing knows no workers");
    assert!(found.attempts("lost") > 0, "the worker was killed in the middle of nothing: {found}");
    assert!(found.duplicates.iter().all(|(number, count)| *count == 2 && under_way.contains(number)), "{found:?}");
    println!(
        "a worker was killed with {leased} deliveries, the other had {of_second}; all were made after {took:?}, the bound \
         is {bound:?}, and {} were under way: {found}",
        under_way.len()
    );
}
