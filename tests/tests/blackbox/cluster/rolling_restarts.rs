//! Processes are restarted one after the other, as for a new version: nothing is lost, and nothing is told twice.

use std::time::Instant;

use events_tests::{Load, PATIENCE, Store, reconcile};

use super::{CHANNELS, PUBLISHERS, cluster_with, through};

const ROUNDS: usize = 3;

with_and_without_broker!(
    a_rolling_restart_is_not_noticed_by_anybody,
    a_rolling_restart_of_the_api_too_is_noticed_by_those_who_found_nobody_only,
);

async fn a_rolling_restart_is_not_noticed_by_anybody(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    let started = Instant::now();
    for worker in [0, 1].repeat(ROUNDS) {
        load.more(100).await;
        cluster.stop_worker(worker).await;
        load.more(50).await;
        cluster.start_worker(worker).await;
    }
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;
    assert_eq!(published.failed, 0);
    assert_eq!(found.duplicates, []);
    assert_eq!(found.attempts, [("done".to_owned(), found.events)].into(), "nothing was cut off");
    println!("{}: {ROUNDS} rolling restarts of two workers in {took:?}: {found}", through(broker.as_deref()));
}

/// There is one API process here, so that publishers find nobody for a moment. Whom it has let in, it answers.
async fn a_rolling_restart_of_the_api_too_is_noticed_by_those_who_found_nobody_only(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    // Many publishes under way when it is asked to stop.
    let load = Load::start(cluster.api(), 4 * PUBLISHERS, CHANNELS);
    let started = Instant::now();
    for _ in 0..ROUNDS {
        load.more(100).await;
        cluster.stop_api().await;
        cluster.start_api().await;
        load.use_api(cluster.api());
        for worker in [0, 1] {
            load.more(50).await;
            cluster.stop_worker(worker).await;
            cluster.start_worker(worker).await;
        }
    }
    load.more(100).await;
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;
    assert!(published.failed > 0, "nobody was published to while it was down");
    assert_eq!(published.found, 0, "what it had stored, it answered");
    assert_eq!(found.duplicates, []);
    assert_eq!(found.attempts, [("done".to_owned(), found.events)].into(), "nothing was cut off");
    println!(
        "{}: {ROUNDS} rolling restarts of the API and two workers in {took:?}, {} tries found nobody: {found}",
        through(broker.as_deref()),
        published.failed
    );
}
