//! What the broker's operator sees and does, behind the system's back.

use std::hash::{BuildHasher, RandomState};

use events_tests::{Cluster, PATIENCE, Receiver, Store, eventually};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
    },
    types::FieldTable,
};
use tokio::time::timeout;

use super::{cluster_and_operator, word_is_taken};

/// What the messages of the system say they are.
pub(super) const REFERENCE: &str = "events.reference.v2";

/// The name of an exchange that nobody else has.
pub(super) fn exchange() -> String {
    format!("test-{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// A whole cluster with a corner of its own on a broker, and who looks into that.
pub(super) struct WithBroker {
    pub(super) cluster: Cluster,
    pub(super) receiver: Receiver,
    pub(super) operator: Operator,
}

impl WithBroker {
    pub(super) async fn start(store: &Store, url: &str) -> Self {
        let (cluster, receiver, operator) = cluster_and_operator(store, Some(url)).await;
        Self { cluster, receiver, operator: operator.expect("there is a broker") }
    }
}

/// A connection of somebody who looks into one exchange and the queues behind it.
pub(super) struct Operator {
    connection: Connection,
    exchange: String,
}

impl Operator {
    pub(super) async fn connect(url: &str, exchange: String) -> Self {
        let connect = Connection::connect(url, ConnectionProperties::default());
        Self { connection: answered(connect).await.unwrap(), exchange }
    }

    /// The same on a broker that was restarted.
    pub(super) async fn again(self, url: &str) -> Self {
        Self::connect(url, self.exchange).await
    }

    /// The name of a queue that belongs to the exchange.
    fn queue(&self, of: &str) -> String {
        format!("{}.{of}", self.exchange)
    }

    async fn channel(&self) -> Channel {
        answered(self.connection.create_channel()).await.unwrap()
    }

    /// How many messages wait in a queue, and how many processes take from it; `None` when there is no such queue.
    pub(super) async fn depth(&self, of: &str) -> Option<(u32, u32)> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.channel().await;
        let declare = channel.queue_declare(self.queue(of).into(), options, FieldTable::default());
        let queue = answered(declare).await.ok()?;
        Some((queue.message_count(), queue.consumer_count()))
    }

    /// Waits until both workers take word, and none is left.
    pub(super) async fn workers_take(&self) {
        word_is_taken(Some(self), 2).await;
    }

    /// Takes all word away that waits.
    pub(super) async fn purge(&self) {
        let (channel, queue) = (self.channel().await, self.queue("slack").into());
        answered(channel.queue_purge(queue, QueuePurgeOptions::default())).await.unwrap();
    }

    /// Has word go past the queue.
    pub(super) async fn unbind(&self) {
        let (channel, queue, exchange) =
            (self.channel().await, self.queue("slack").into(), self.exchange.as_str().into());
        answered(channel.queue_unbind(queue, exchange, "slack".into(), FieldTable::default())).await.unwrap();
    }

    /// Takes the queue away.
    pub(super) async fn delete(&self) {
        let (channel, queue) = (self.channel().await, self.queue("slack").into());
        answered(channel.queue_delete(queue, QueueDeleteOptions::default())).await.unwrap();
    }

    /// Puts each of these bodies into the queue so many times, as what `kind` says.
    pub(super) async fn push(&self, bodies: &[Vec<u8>], kind: Option<&str>, times: usize) {
        let channel = self.channel().await;
        answered(channel.confirm_select(ConfirmSelectOptions::default())).await.unwrap();
        let mut pushed = Vec::new();
        for body in bodies.iter().flat_map(|body| std::iter::repeat_n(body, times)) {
            let properties = BasicProperties::default();
            let properties = kind.map_or(properties.clone(), |kind| properties.with_type(kind.into()));
            let (exchange, key) = (self.exchange.as_str().into(), "slack".into());
            let publishing = channel.basic_publish(exchange, key, BasicPublishOptions::default(), body, properties);
            pushed.push(answered(publishing).await.unwrap());
        }
        for confirm in pushed {
            assert!(answered(confirm).await.unwrap().is_ack());
        }
    }

    /// Gets a copy of all word from now on.
    pub(super) async fn listen(&self) -> Ear {
        let channel = self.channel().await;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let declare = channel.queue_declare("".into(), options, FieldTable::default());
        let queue = answered(declare).await.unwrap().name().clone();
        let (exchange, key) = (self.exchange.as_str().into(), "slack".into());
        let bind = channel.queue_bind(queue.clone(), exchange, key, QueueBindOptions::default(), FieldTable::default());
        answered(bind).await.unwrap();
        Ear { channel, queue: queue.to_string() }
    }
}

/// What the broker answers. The library leaves a call that meets the end of its connection without any answer, and
/// a test must not wait for that.
async fn answered<T>(call: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    timeout(PATIENCE, call).await.expect("the broker answers its operator")
}

/// A copy of the word for the workers.
pub(super) struct Ear {
    channel: Channel,
    queue: String,
}

impl Ear {
    /// What it has heard since it was asked the last time.
    pub(super) async fn heard(&self) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let get = || self.channel.basic_get(self.queue.as_str().into(), BasicGetOptions::default());
        while let Some(message) = answered(get()).await.unwrap() {
            answered(message.delivery.ack(BasicAckOptions::default())).await.unwrap();
            bodies.push(message.delivery.data);
        }
        bodies
    }

    /// Waits for word.
    pub(super) async fn hears(&self) -> Vec<Vec<u8>> {
        eventually("word", PATIENCE, async || Some(self.heard().await).filter(|bodies| !bodies.is_empty())).await
    }
}
