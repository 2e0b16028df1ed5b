//! Several processes on one database: each fault of one of them, of the database and of the broker, under load.

mod api_kills;
mod broken_connections;
mod broker;
mod broker_outages;
mod broker_queues;
mod holders;
mod keys;
mod late_workers;
mod leaders;
mod lost_workers;
mod poison;
mod rolling_restarts;

use std::time::Duration;

use events_tests::{Cluster, Receiver, Store};
use sqlx::{
    ConnectOptions,
    postgres::{PgConnectOptions, PgConnection},
};

/// Channels that a load is spread over: a channel takes a message a second.
const CHANNELS: usize = 20;
/// Publishers of a load; each makes up to fifty events a second.
const PUBLISHERS: usize = 4;
/// The Slack handler's timeout and what it takes to settle.
const LEASE: Duration = Duration::from_secs(25);
/// Between looks for leases that ended.
const RESCUE: Duration = Duration::from_secs(5);
/// What a busy machine adds to a promise.
const MARGIN: Duration = Duration::from_secs(5);
/// How long deliveries may take that a fault has left to their leases.
const AFTERMATH: Duration = Duration::from_secs(60);

/// A whole cluster that runs, and what it takes for Slack.
async fn cluster(store: &Store) -> (Cluster, Receiver) {
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::new(store, None, &receiver.slack(CHANNELS));
    cluster.start().await;
    (cluster, receiver)
}

/// A session of an operator in the schema of this store.
async fn session(store: &Store) -> PgConnection {
    let Store::Postgres { database, schema } = store else { panic!("{store:?} has no sessions") };
    let options: PgConnectOptions = database.parse().unwrap();
    options.options([("search_path", schema.as_str())]).connect().await.unwrap()
}
