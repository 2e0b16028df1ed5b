//! Workers are restarted one after the other, as for a new version: nothing is lost, and nothing is told twice.

use std::time::Instant;

use events_tests::{Load, PATIENCE, Store, reconcile};

use super::{CHANNELS, PUBLISHERS, cluster_with, through};

const ROUNDS: usize = 3;

with_and_without_broker!(a_rolling_restart_is_not_noticed_by_anybody);

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
