//! A worker is killed in the middle of its deliveries: the others take over.

use std::{collections::BTreeSet, time::Instant};

use events_tests::{Load, PATIENCE, Reply, Store, eventually, reconcile};

use super::{CHANNELS, LEASE, MARGIN, PUBLISHERS, RESCUE, cluster_with, session, through};

with_and_without_broker!(deliveries_of_a_killed_worker_go_to_the_other_one_within_their_lease);

async fn deliveries_of_a_killed_worker_go_to_the_other_one_within_their_lease(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let mut session = session(&store).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    load.more(200).await;

    receiver.answer_all(Reply::Hold);
    let of_first = format!("%-{}", cluster.worker(0).pid());
    let counts = eventually("both workers to have deliveries under way", PATIENCE, async || {
        let query = "SELECT count(*) FILTER (WHERE worker LIKE $1), count(*) FILTER (WHERE worker NOT LIKE $1)
                     FROM deliveries WHERE lease_until IS NOT NULL";
        let counts: (i64, i64) = sqlx::query_as(query).bind(&of_first).fetch_one(&mut session).await.unwrap();
        (counts.0 >= 10 && counts.1 >= 10 && receiver.ledger().unanswered() >= CHANNELS).then_some(counts)
    });
    let (_, of_second) = counts.await;
    let killed = Instant::now();
    cluster.kill_worker(0);
    // What it had may be told again, and nothing else.
    let query = "SELECT (payload ->> 'n')::bigint FROM deliveries JOIN events USING (seq) WHERE worker LIKE $1";
    let its: Vec<(i64,)> = sqlx::query_as(query).bind(&of_first).fetch_all(&mut session).await.unwrap();
    let its: BTreeSet<u64> = its.into_iter().map(|(number,)| number.try_into().unwrap()).collect();
    receiver.answer_all(Reply::Ok);
    receiver.release();
    load.more(200).await;
    let published = load.end().await;
    let bound = LEASE + RESCUE + MARGIN;
    cluster.api().all_processed(bound.saturating_sub(killed.elapsed())).await;
    let took = killed.elapsed();
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;

    assert_eq!(published.failed, 0, "publishing knows no workers");
    assert!(found.attempts("lost") > 0, "the worker was killed in the middle of nothing: {found}");
    assert!(found.duplicates.iter().all(|(number, count)| *count == 2 && its.contains(number)), "{found:?}");
    println!(
        "{}: a worker was killed with {} deliveries, the other had {of_second}; all were made after {took:?}, the bound is \
         {bound:?}: {found}",
        through(broker.as_deref()),
        its.len()
    );
}
