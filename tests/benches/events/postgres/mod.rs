//! PostgreSQL and RabbitMQ: servers of our own, stores on them, and engines on those.

mod carried;
mod full;
mod latency;
mod process;
mod publish;
mod raw;
mod work;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::{Clock, Engine, EngineOptions, Pattern, ports::EventHistory, routing::Route};
use events_postgres::{PgOptions, PgQueue, PgStore};
use xtask::services::{Postgres, Rabbit};

use self::raw::Raw;
use crate::{engine::Counter, report::Report};

/// Deliveries of a backlog, and events of a round.
const BACKLOG: usize = 50_000;
const ROUNDS: usize = 3;

/// Runs the groups whose names are wanted: `postgres …`, and `amqp …` for what goes through the broker.
pub(crate) async fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let groups = ["publish", "work", "latency", "full", "memory"].map(|group| format!("postgres {group}"));
    let through_broker = ["work", "latency"].map(|group| format!("amqp {group}"));
    if !groups.iter().chain(&through_broker).any(|group| wanted(group)) {
        return Ok(());
    }
    if !Postgres::is_installed() {
        println!("postgres, amqp: skipped, no PostgreSQL found (Debian: sudo apt-get install postgresql)");
        return Ok(());
    }
    let server = Postgres::start_durable()?;
    let [publish, work, latency, full, memory] = groups.map(|group| wanted(&group));
    if publish {
        publish::run(report, &server).await?;
    }
    if work {
        work::run(report, &server).await?;
    }
    if latency {
        latency::run(report, &server, &Word::Notify).await?;
    }
    if full {
        full::run(report, &server).await?;
    }
    if memory {
        process::run(report, &server).await?;
    }
    let [work, latency] = through_broker.map(|group| wanted(&group));
    if !(work || latency) {
        return Ok(());
    }
    if !Rabbit::is_installed() {
        println!("amqp: skipped, no RabbitMQ found (Debian: sudo apt-get install rabbitmq-server)");
        return Ok(());
    }
    let broker = Rabbit::start()?;
    let word = Word::Broker(broker.url());
    if work {
        work::through_broker(report, &server, &word).await?;
    }
    if latency {
        latency::run(report, &server, &word).await?;
    }
    Ok(())
}

/// How workers hear that there is something to do.
enum Word {
    /// They look for themselves, and are woken within the process.
    Polling,
    /// `NOTIFY`.
    Notify,
    /// The broker at this address.
    Broker(String),
}

impl Word {
    fn name(&self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Notify => "NOTIFY",
            Self::Broker(_) => "RabbitMQ",
        }
    }
}

/// A store in a schema that nobody else uses, with raw tables beside its own.
struct Place {
    url: String,
    store: Arc<PgStore>,
    raw: Raw,
}

impl Place {
    async fn new(server: &Postgres) -> anyhow::Result<Self> {
        static PLACES: AtomicUsize = AtomicUsize::new(0);
        let schema = format!("bench_{}", PLACES.fetch_add(1, Relaxed));
        let url = format!("{}?schema={schema}", server.url());
        let store = Arc::new(PgStore::open(&url).await?);
        let raw = Raw::open(&server.url(), &schema).await?;
        Ok(Self { url, store, raw })
    }

    /// Fails when something is left that should have been worked off.
    async fn is_drained(&self) -> anyhow::Result<()> {
        let depth = self.store.depth(self.store.clock().now()).await?;
        let left = depth.unrouted + depth.due + depth.leased;
        anyhow::ensure!(left == 0, "left over: {depth:?}");
        Ok(())
    }

    /// Removes what it holds, so that places do not share the disk.
    async fn close(mut self) -> anyhow::Result<()> {
        self.store.close().await;
        let schema = self.store.schema().to_owned();
        self.raw.execute(&format!("SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE; CHECKPOINT")).await
    }
}

/// An engine as the server puts it together, on a store of its own.
struct Node {
    engine: Arc<Engine>,
    store: Arc<PgStore>,
    broker: Option<Arc<AmqpQueue>>,
    waking: Option<tokio::task::JoinHandle<()>>,
}

impl Node {
    /// Works with `counter`, or publishes only.
    async fn start(url: &str, word: &Word, counter: Option<&Arc<Counter>>) -> anyhow::Result<Self> {
        Self::start_on(Self::open(url).await?, word, counter).await
    }

    async fn open(url: &str) -> anyhow::Result<Arc<PgStore>> {
        Ok(Arc::new(PgStore::open_with(url.parse::<PgOptions>()?).await?))
    }

    async fn start_on(store: Arc<PgStore>, word: &Word, counter: Option<&Arc<Counter>>) -> anyhow::Result<Self> {
        let (clock, commits_at_once) = (Arc::new(store.clock()), store.commits_at_once());
        let options = EngineOptions { clock, commits_at_once, ..EngineOptions::default() };
        let mut builder = Engine::builder(store.clone(), store.clone()).leadership(store.clone()).options(options);
        let notifying = match word {
            Word::Polling => None,
            // A server that works listens in any case: for events that others have stored.
            Word::Notify | Word::Broker(_) if counter.is_some() => Some(Arc::new(PgQueue::start(&store))),
            Word::Notify | Word::Broker(_) => Some(Arc::new(PgQueue::telling(&store))),
        };
        let mut broker = None;
        match (word, &notifying, counter) {
            (Word::Broker(url), _, Some(_)) => {
                let mut options = AmqpOptions::new(url.clone().into());
                options.exchange = store.schema().to_owned();
                options.handlers = vec![AmqpHandler::with_concurrency("noop".into(), 256)];
                let queue = Arc::new(AmqpQueue::start(options)?);
                queue.connected(Duration::from_secs(20)).await?;
                builder = builder.queue(queue.clone());
                broker = Some(queue);
            }
            (_, Some(queue), _) => builder = builder.queue(queue.clone()),
            _ => {}
        }
        builder = match counter {
            Some(counter) => builder.handler(counter.clone(), [Route::new("noop".into(), "default", [Pattern::All])]),
            None => builder.publishing_only(),
        };
        let engine = Arc::new(builder.start());
        if let Some(queue) = notifying.as_ref().filter(|_| counter.is_some()) {
            tokio::time::timeout(Duration::from_secs(20), queue.listening()).await?;
        }
        let waking = notifying.map(|queue| {
            let waker = engine.waker();
            tokio::spawn(async move {
                loop {
                    queue.unrouted().await;
                    waker.router();
                }
            })
        });
        Ok(Self { engine, store, broker, waking })
    }

    /// Ends once everything that is under way is settled, which is part of what is measured.
    async fn settled(&self) {
        self.engine.shut_down(Duration::from_secs(30)).await;
    }

    async fn close(self) {
        self.settled().await;
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
        if let Some(waking) = self.waking {
            waking.abort();
        }
        self.store.close().await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
