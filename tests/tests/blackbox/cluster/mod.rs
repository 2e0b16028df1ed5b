//! Several processes on one database: each fault of one of them, of the database and of the broker, under load.

/// The same tests without a broker and, where there is one, with it: functions `async fn name(broker: Option<String>)`.
macro_rules! with_and_without_broker {
    ($($name:ident),+ $(,)?) => {
        mod with_notify {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(None).await;
            }
        )+}

        mod with_rabbitmq {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(url) = events_tests::Rabbit::shared_url() else { return };
                super::$name(Some(url)).await;
            }
        )+}
    };
}

mod api_kills;
mod broken_connections;
mod broker;
mod broker_outages;
mod broker_permissions;
mod broker_queues;
mod broker_tls;
mod holders;
mod keys;
mod late_workers;
mod leaders;
mod lost_workers;
mod poison;
mod roles;
mod rolling_restarts;

use std::time::Duration;

use broker::Operator;
use events_tests::{Cluster, PATIENCE, Receiver, Store, eventually};
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

/// A whole cluster with this broker, if it is one, and what it takes for Slack.
async fn cluster_with(store: &Store, broker: Option<&str>) -> (Cluster, Receiver) {
    let (cluster, receiver, _) = cluster_and_operator(store, broker).await;
    (cluster, receiver)
}

/// The same with who looks into the broker.
async fn cluster_and_operator(store: &Store, broker: Option<&str>) -> (Cluster, Receiver, Option<Operator>) {
    let receiver = Receiver::start().await;
    let (mut cluster, operator) = down(store, broker, &receiver).await;
    cluster.start().await;
    word_is_taken(operator.as_ref(), 2).await;
    (cluster, receiver, operator)
}

/// The same before anything of it was started.
async fn down(store: &Store, broker: Option<&str>, receiver: &Receiver) -> (Cluster, Option<Operator>) {
    let cluster = Cluster::new(store, broker, &receiver.slack(CHANNELS));
    let Some(url) = broker else { return (cluster, None) };
    let exchange = broker::exchange();
    (cluster.with("EVENTS__AMQP__EXCHANGE", &exchange), Some(Operator::connect(url, exchange).await))
}

/// Waits until so many workers take word from the broker, if there is one, and have left none.
async fn word_is_taken(operator: Option<&Operator>, workers: u32) {
    let Some(operator) = operator else { return };
    eventually("workers to take all word", PATIENCE, async || {
        (operator.depth("slack").await == Some((0, workers))).then_some(())
    })
    .await;
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
