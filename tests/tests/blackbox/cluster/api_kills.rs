//! The API process is killed again and again while it is published to: what it acknowledged is there, once.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use events_tests::{Load, PATIENCE, Store, reconcile};

use super::{CHANNELS, PUBLISHERS, cluster_with, through};

const ROUNDS: u64 = 15;

with_and_without_broker!(no_acknowledged_event_is_lost_when_the_api_is_killed);

async fn no_acknowledged_event_is_lost_when_the_api_is_killed(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (mut cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    let started = Instant::now();
    for _ in 0..ROUNDS {
        load.more(1 + random(30)).await;
        // The moment of the fault is what varies here; nothing is awaited.
        tokio::time::sleep(Duration::from_micros(random(20_000))).await;
        cluster.kill_api();
        cluster.start_api().await;
        load.use_api(cluster.api());
    }
    load.more(50).await;
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, PATIENCE).await;
    assert!(published.failed > 0, "nobody was published to when it was killed");
    assert_eq!(found.duplicates, [], "workers know nothing of it");
    println!(
        "{}: {ROUNDS} kills of the API in {took:?}: {} tries failed, {} of them had stored their event, which was found \
         by its key: {found}",
        through(broker.as_deref()),
        published.failed,
        published.found
    );
}

/// A number below `bound`, another one each time.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(0) % bound
}
