//! Processes are killed while webhooks are sent: every endpoint is told of everything.

use std::{collections::BTreeMap, time::Duration};

use events_tests::{Api, Cluster, Endpoint, Home, PATIENCE, Postgres, Rabbit, Store, eventually};
use serde_json::Value;

use super::{CONFIGURATION, KEYS, publish, subscribe};

const EVENTS: u64 = 300;
const ENDPOINTS: usize = 3;
/// The lease of a webhook (its timeout, a second, and 15 s), the look for lost ones, and room for a slow machine.
const BOUND: Duration = Duration::from_secs(31 + 5 + 30);

/// How often each event arrived at a path.
fn arrived(endpoint: &Endpoint, path: &str) -> BTreeMap<u64, usize> {
    let mut arrived = BTreeMap::new();
    for call in endpoint.calls(path) {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        *arrived.entry(body["data"]["n"].as_u64().unwrap()).or_default() += 1;
    }
    arrived
}

async fn subscribe_all(api: &Api, endpoint: &Endpoint) {
    for at in 0..ENDPOINTS {
        subscribe(api, endpoint, &format!("/{at}"), "test.numbered").await;
    }
}

/// Every path was told of every event; answers how many calls were repetitions.
fn reconcile(endpoint: &Endpoint) -> usize {
    let mut repeated = 0;
    for at in 0..ENDPOINTS {
        let arrived = arrived(endpoint, &format!("/{at}"));
        let missing: Vec<_> = (0..EVENTS).filter(|number| !arrived.contains_key(number)).collect();
        assert!(missing.is_empty(), "/{at} was never told of {missing:?}");
        repeated += arrived.values().map(|count| count - 1).sum::<usize>();
    }
    repeated
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_goes_on_where_it_was() {
    let endpoint = Endpoint::start().await;
    let home = Home::new(CONFIGURATION);
    let mut server = home.start().await;
    subscribe_all(&server.api(), &endpoint).await;
    for number in 0..EVENTS {
        publish(&server.api(), "test.numbered", number).await;
        if number % 100 == 50 {
            server.kill();
            server = home.start().await;
        }
    }
    server.api().all_processed(BOUND).await;
    println!("{EVENTS} events to {ENDPOINTS} endpoints, 3 kills, {} calls repeated", reconcile(&endpoint));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_by_the_other_one() {
    let (Some(database), Some(broker)) = (Postgres::shared_url(), Rabbit::shared_url()) else { return };
    let endpoint = Endpoint::start().await;
    let store = Store::postgres_at(database);
    let mut cluster = Cluster::new(&store, Some(&broker), CONFIGURATION)
        .with("EVENTS__WEBHOOKS__ENCRYPTION_KEYS", KEYS)
        .with("EVENTS__WEBHOOKS__ALLOW_HTTP", "true")
        .with("EVENTS__WEBHOOKS__ALLOW_NETWORKS", "127.0.0.0/8");
    cluster.start().await;
    subscribe_all(&cluster.api(), &endpoint).await;
    for number in 0..EVENTS {
        publish(&cluster.api(), "test.numbered", number).await;
        if number == EVENTS / 2 {
            eventually("something to have arrived", PATIENCE, async || {
                (!endpoint.calls("/0").is_empty()).then_some(())
            })
            .await;
            cluster.kill_worker(0);
        }
    }
    cluster.api().all_processed(BOUND).await;
    println!("{EVENTS} events to {ENDPOINTS} endpoints, a worker killed, {} calls repeated", reconcile(&endpoint));
}
