//! The database goes away under load, wholly or by the connection: publishers try again, and nothing is lost or twice.

use std::time::{Duration, Instant};

use events_tests::{Load, Postgres, Store, reconcile};
use sqlx::Connection;

use super::{AFTERMATH, CHANNELS, PUBLISHERS, cluster_and_operator, session, through, word_is_taken};

/// Restarts in order, and crashes in between.
const OUTAGES: usize = 6;
/// Connections that are cut, one a second.
const CUTS: usize = 15;

with_and_without_broker!(
    restarts_of_the_database_lose_nothing_and_store_nothing_twice,
    a_connection_cut_every_second_loses_nothing_and_stores_nothing_twice,
);

async fn restarts_of_the_database_lose_nothing_and_store_nothing_twice(broker: Option<String>) {
    let Some(mut postgres) = Postgres::for_test() else { return };
    let store = Store::postgres_at(postgres.url());
    let (cluster, receiver, broker_operator) = cluster_and_operator(&store, broker.as_deref()).await;
    // Many publishes under way when it ends.
    let load = Load::start(cluster.api(), 4 * PUBLISHERS, CHANNELS);
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    for at in 0..OUTAGES {
        load.more(200).await;
        let ended = Instant::now();
        tokio::task::block_in_place(|| {
            if at % 2 == 0 { postgres.stop() } else { postgres.kill() }.unwrap();
            postgres.start_again().unwrap();
        });
        load.more(1).await;
        slowest = slowest.max(ended.elapsed());
    }
    load.more(200).await;
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, AFTERMATH).await;
    word_is_taken(broker_operator.as_ref(), 2).await;
    assert!(published.failed > 0, "nobody noticed");
    assert_eq!(found.duplicates, [], "an outage of the database is no reason to tell anything twice");
    println!(
        "{}: {OUTAGES} restarts and crashes of PostgreSQL in {took:?}, the longest without a publish {slowest:?}: \
         {} tries failed, {} of them had stored their event: {found}",
        through(broker.as_deref()),
        published.failed,
        published.found
    );
}

async fn a_connection_cut_every_second_loses_nothing_and_stores_nothing_twice(broker: Option<String>) {
    let Some(postgres) = Postgres::for_test() else { return };
    let store = Store::postgres_at(postgres.url());
    let (cluster, receiver, broker_operator) = cluster_and_operator(&store, broker.as_deref()).await;
    let mut operator = session(&store).await;
    let load = Load::start(cluster.api(), PUBLISHERS, CHANNELS);
    let started = Instant::now();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    let mut cut = 0;
    for at in 0..CUTS {
        seconds.tick().await;
        // Any, and every other time the one that is being used, or was last.
        let query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
                     ORDER BY $1 AND state = 'active' DESC, CASE WHEN $1 THEN state_change END DESC, random() LIMIT 1";
        let cutting = sqlx::query_as(query).bind(at % 2 == 1).fetch_optional(&mut operator);
        let ended: Option<(bool,)> = cutting.await.unwrap();
        cut += usize::from(ended == Some((true,)));
    }
    load.more(100).await;
    let took = started.elapsed();
    let published = load.end().await;
    let found = reconcile(&cluster.api(), &receiver, &published, AFTERMATH).await;
    word_is_taken(broker_operator.as_ref(), 2).await;
    operator.close().await.unwrap();
    assert!(cut > CUTS / 2, "{cut} connections were there to be cut");
    assert_eq!(found.duplicates, []);
    println!(
        "{}: {cut} connections were cut in {took:?}: {} tries failed, {} of them had stored their event: {found}",
        through(broker.as_deref()),
        published.failed,
        published.found
    );
}
