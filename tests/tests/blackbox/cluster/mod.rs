//! Several processes on one database: each fault of one of them, of the database and of the broker, under load.

/// The same test without a broker and, where there is one, with it: a function `async fn name(broker: Option<String>)`.
macro_rules! with_and_without_broker {
    ($name:ident) => {
        mod with_notify {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(None).await;
            }
        }

        mod with_rabbitmq {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(url) = events_tests::Rabbit::shared_url() else { return };
                super::$name(Some(url)).await;
            }
        }
    };
}

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
mod roles;
mod rolling_restarts;

use std::time::Duration;

use broker::WithBroker;
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

/// A whole cluster that runs without a broker, and what it takes for Slack.
async fn cluster(store: &Store) -> (Cluster, Receiver) {
    let receiver = Receiver::start().await;
    let mut cluster = Cluster::new(store, None, &receiver.slack(CHANNELS));
    cluster.start().await;
    (cluster, receiver)
}

/// The same with this broker, if it is one.
async fn cluster_with(store: &Store, broker: Option<&str>) -> (Cluster, Receiver) {
    match broker {
        None => cluster(store).await,
        Some(url) => {
            let WithBroker { cluster, receiver, .. } = WithBroker::start(store, url).await;
            (cluster, receiver)
        }
    }
}

/// Words for figures.
fn through(broker: Option<&str>) -> &'static str {
    broker.map_or("with NOTIFY", |_| "with RabbitMQ")
}

/// A session of an operator in the schema of this store.
async fn session(store: &Store) -> PgConnection {
    let Store::Postgres { database, schema } = store else { panic!("{store:?} has no sessions") };
    let options: PgConnectOptions = database.parse().unwrap();
    options.options([("search_path", schema.as_str())]).connect().await.unwrap()
}
