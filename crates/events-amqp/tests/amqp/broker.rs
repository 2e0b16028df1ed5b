//! A corner of the broker for one test, and what an operator can do there.

use std::{
    env, process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::{
    Seq,
    delivery::HandlerName,
    ports::{DeliveryQueue, Receipt, Received, Reference},
    testkit::QueueFixture,
};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, types::FieldTable};
use tokio::time::timeout;

/// Nothing on a healthy machine takes this long.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A goodbye takes no longer, or is left without an answer.
const GOODBYE: Duration = Duration::from_secs(2);

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(10);

static TESTS: AtomicU64 = AtomicU64::new(0);

/// Where the tests' broker is.
pub(crate) fn url() -> String {
    env::var("EVENTS_TEST_AMQP_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a RabbitMQ: run `cargo xtask test`, which starts one, or set \
             EVENTS_TEST_AMQP_URL=amqp://guest:guest@localhost to use one that is there"
        )
    })
}

/// An exchange of its own; everything below it is deleted in the end.
pub(crate) struct Broker {
    pub(crate) exchange: String,
    url: String,
}

impl Broker {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let test = TESTS.fetch_add(1, Ordering::Relaxed);
        Self { exchange: format!("events-test-{}-{now}-{test}", process::id()), url: url() }
    }

    pub(crate) fn options(&self) -> AmqpOptions {
        let mut options = AmqpOptions::new(self.url.clone().into());
        options.exchange.clone_from(&self.exchange);
        options.handlers = QueueFixture::handlers().map(|name| AmqpHandler::with_concurrency(name, 100)).into();
        options
    }

    /// The same, for a process that receives nothing.
    pub(crate) fn publishing(&self) -> AmqpOptions {
        AmqpOptions { consume: false, ..self.options() }
    }

    pub(crate) async fn queue(&self) -> AmqpQueue {
        started(self.options()).await
    }

    /// The name of something that belongs to the exchange.
    pub(crate) fn name(&self, of: &str) -> String {
        format!("{}.{of}", self.exchange)
    }

    /// An operator's own connection.
    pub(crate) async fn operator(&self) -> Operator {
        Operator::connect(&self.url).await
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let (url, exchange) = (self.url.clone(), self.exchange.clone());
        // A thread with a runtime of its own: the test's may be the one that drops this.
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async move { Operator::connect(&url).await.delete_all(&exchange).await });
        };
        // A test that has failed already says more than what could not be cleaned up after it.
        assert!(std::thread::spawn(clean).join().is_ok() || std::thread::panicking());
    }
}

/// A queue that is connected.
pub(crate) async fn started(options: AmqpOptions) -> AmqpQueue {
    let queue = AmqpQueue::start(options).unwrap();
    queue.connected(LONG).await.unwrap();
    queue
}

/// What people do to a broker behind the system's back.
pub(crate) struct Operator {
    connection: Connection,
}

impl Operator {
    async fn connect(url: &str) -> Self {
        let connect = Connection::connect(url, ConnectionProperties::default());
        Self { connection: answered(connect).await.unwrap() }
    }

    /// Deletes an exchange and what belongs to it, and says goodbye.
    async fn delete_all(self, exchange: &str) {
        let channel = self.channel().await;
        for of in ["slack", "webhooks", "unrouted", "dead"] {
            let queue = format!("{exchange}.{of}");
            answered(channel.queue_delete(queue.into(), Default::default())).await.unwrap();
        }
        for of in ["", ".unrouted", ".dead"] {
            let exchange = format!("{exchange}{of}");
            answered(channel.exchange_delete(exchange.into(), Default::default())).await.unwrap();
        }
        drop(timeout(GOODBYE, self.connection.close(200, "done".into())).await); // everything is done already
    }

    pub(crate) async fn channel(&self) -> Channel {
        answered(self.connection.create_channel()).await.unwrap()
    }

    pub(crate) async fn delete_queue(&self, queue: &str) {
        answered(self.channel().await.queue_delete(queue.into(), Default::default())).await.unwrap();
    }

    pub(crate) async fn purge(&self, queue: &str) {
        answered(self.channel().await.queue_purge(queue.into(), Default::default())).await.unwrap();
    }

    /// Declares a durable queue.
    pub(crate) async fn declare(&self, queue: &str, arguments: FieldTable) {
        let options = lapin::options::QueueDeclareOptions { durable: true, ..Default::default() };
        answered(self.channel().await.queue_declare(queue.into(), options, arguments)).await.unwrap();
    }

    pub(crate) async fn publish(&self, exchange: &str, key: &str, kind: Option<&str>, body: &[u8]) {
        let properties = BasicProperties::default();
        let properties = match kind {
            Some(kind) => properties.with_type(kind.into()),
            None => properties,
        };
        let channel = self.channel().await;
        answered(channel.confirm_select(Default::default())).await.unwrap();
        let publish = channel.basic_publish(exchange.into(), key.into(), Default::default(), body, properties);
        let confirm = answered(publish).await.unwrap();
        assert!(answered(confirm).await.unwrap().is_ack());
    }

    /// Why each message in a queue of dead letters is there. Takes them out.
    pub(crate) async fn reasons(&self, queue: &str) -> Vec<String> {
        let (channel, mut reasons) = (self.channel().await, Vec::new());
        let options = lapin::options::BasicGetOptions { no_ack: true };
        while let Some(letter) = answered(channel.basic_get(queue.into(), options)).await.unwrap() {
            let headers = letter.properties.headers().clone().unwrap_or_default();
            let reason = headers.inner().get("x-first-death-reason").and_then(|reason| reason.as_long_string());
            reasons.push(reason.map_or_else(|| "none".to_owned(), ToString::to_string));
        }
        reasons
    }

    /// Messages that wait in a queue; none when there is no such queue.
    pub(crate) async fn waiting(&self, queue: &str) -> u32 {
        let options = lapin::options::QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.channel().await;
        let queue = answered(channel.queue_declare(queue.into(), options, FieldTable::default())).await;
        queue.map_or(0, |queue| queue.message_count())
    }
}

/// What the broker answers. The library leaves a call that meets the end of its connection without any answer, and
/// a test must not wait for that.
async fn answered<T>(call: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    timeout(LONG, call).await.expect("the broker answers its operator")
}

/// Waits until something is so, and says what it waited for if that takes too long.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    assert!(timeout(LONG, look).await.is_ok(), "{what}: that did not come");
}

pub(crate) fn slack() -> HandlerName {
    "slack".into()
}

pub(crate) fn word(handler: &str, seqs: impl IntoIterator<Item = i64>) -> Vec<Reference> {
    let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
    Reference::about(&handler.into(), &seqs).collect()
}

pub(crate) fn receipts(received: &[Received]) -> Vec<Receipt> {
    received.iter().map(|received| received.receipt).collect()
}

pub(crate) fn seqs(received: &[Received]) -> Vec<i64> {
    received.iter().flat_map(|received| &received.reference.seqs).map(|seq| seq.0).collect()
}

/// Receives for Slack until word comes, through outages.
pub(crate) async fn receive(queue: &AmqpQueue) -> Vec<Received> {
    let mut received = Vec::new();
    eventually("word for slack", async || {
        match timeout(LONG, queue.receive(&slack(), 1_000)).await.expect("receive gives up or answers") {
            Ok(word) => received = word,
            Err(_) => return false,
        }
        true
    })
    .await;
    received
}

/// Pushes until it works, through outages.
pub(crate) async fn push(queue: &AmqpQueue, references: Vec<Reference>) {
    eventually("a push that works", async || queue.push(references.clone()).await.is_ok()).await;
}
