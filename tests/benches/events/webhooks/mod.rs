//! Webhooks: how many a second beside bare calls of the same client, how soon, and whether an endpoint that hangs
//! slows another one down.

mod receiver;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::{
    Engine, EngineOptions, EventHandler, EventHistory, EventStore,
    ports::{Leadership, StoredRoutes, SystemClock, TargetStates, WebhookSubscriptions},
    webhooks::{Format, Scheme, SecretId, Status, Subscription, SubscriptionId},
};
use events_postgres::{PgQueue, PgStore};
use events_sqlite::SqliteStore;
use events_webhooks::{
    Vault, WebhookHandler, WebhookParts,
    address::AddressPolicy,
    sealing::Keyring,
    sender::{Sender, SenderOptions},
    signature::{Secret, SigningKey},
};
use jiff::Timestamp;
use xtask::services::{Postgres, Rabbit};

use self::receiver::Receiver;
use crate::{
    engine::events,
    raw::quantile,
    report::{Figure, Report, Target},
};

const ROUNDS: usize = 3;
/// Calls of the bare client at once: as many as an endpoint gets at most.
const AT_ONCE: usize = 64;

/// Runs the groups whose names are wanted.
pub(crate) async fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let stores = ["sqlite", "postgres"];
    for store in stores {
        let [speed, latency, isolation] =
            ["speed", "latency", "isolation"].map(|group| wanted(&format!("webhooks {store} {group}")));
        if !(speed || latency || isolation) {
            continue;
        }
        if store == "postgres" && !(Postgres::is_installed() && Rabbit::is_installed()) {
            println!("webhooks postgres: skipped, no PostgreSQL or RabbitMQ found");
            continue;
        }
        let servers = match store {
            "postgres" => Some((Postgres::start_durable()?, Rabbit::start()?)),
            _ => None,
        };
        if speed {
            rates(report, store, servers.as_ref()).await?;
        }
        if latency {
            how_soon(report, store, servers.as_ref()).await?;
        }
        if isolation {
            isolated(report, store, servers.as_ref()).await?;
        }
    }
    Ok(())
}

type Servers = (Postgres, Rabbit);

/// An engine that sends webhooks, on a store of its own.
struct System {
    engine: Engine,
    subscriptions: Arc<dyn WebhookSubscriptions>,
    vault: Arc<Vault>,
    closing: Closing,
}

enum Closing {
    Sqlite(Arc<SqliteStore>, tempfile::TempDir),
    Postgres(Arc<PgStore>, Arc<AmqpQueue>, tokio::task::JoinHandle<()>),
}

impl System {
    async fn start(store: &str, servers: Option<&Servers>) -> anyhow::Result<Self> {
        match servers {
            None => Self::on_sqlite().await,
            Some(servers) => Self::on_postgres(servers).await,
        }
        .with_context(|| format!("webhooks on {store}"))
    }

    async fn on_sqlite() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(".")?;
        let store = crate::engine::store(folder.path()).await?;
        let (vault, handler) = handler(&store, Arc::new(SystemClock))?;
        let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone());
        let engine = builder.handler(handler.clone(), []).start();
        handler.publish_with(engine.publisher());
        Ok(Self { engine, subscriptions: store.clone(), vault, closing: Closing::Sqlite(store, folder) })
    }

    async fn on_postgres((postgres, rabbit): &Servers) -> anyhow::Result<Self> {
        static PLACES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let place = PLACES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store = Arc::new(PgStore::open(&format!("{}?schema=webhooks_{place}", postgres.url())).await?);
        let (vault, handler) = handler(&store, Arc::new(store.clock()))?;
        let mut amqp = AmqpOptions::new(rabbit.url().into());
        amqp.exchange = store.schema().to_owned();
        amqp.handlers = vec![AmqpHandler::with_concurrency(handler.name(), handler.policy().concurrency)];
        let broker = Arc::new(AmqpQueue::start(amqp)?);
        broker.connected(Duration::from_secs(20)).await?;
        let options = EngineOptions {
            clock: Arc::new(store.clock()),
            commits_at_once: store.commits_at_once(),
            ..EngineOptions::default()
        };
        let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone()).options(options);
        let engine = builder.queue(broker.clone()).handler(handler.clone(), []).start();
        handler.publish_with(engine.publisher());
        let (listening, waker) = (Arc::new(PgQueue::start(&store)), engine.waker());
        tokio::time::timeout(Duration::from_secs(20), listening.listening()).await?;
        let waking = tokio::spawn(async move {
            loop {
                listening.unrouted().await;
                waker.router();
            }
        });
        Ok(Self { engine, subscriptions: store.clone(), vault, closing: Closing::Postgres(store, broker, waking) })
    }

    /// Subscribes an endpoint to everything, or to the events of one organization.
    async fn subscribe(&self, url: String, organization_id: Option<&str>) -> anyhow::Result<()> {
        let (subscription_id, now) = (SubscriptionId::random(), Timestamp::now());
        let key = SigningKey::Symmetric(Secret::generate()?);
        let secret = self.vault.seal_key(SecretId::random(), subscription_id, &key, now)?;
        let subscription = Subscription {
            subscription_id,
            organization_id: organization_id.map(str::to_owned),
            url,
            events: vec![events_core::Pattern::All],
            filter: None,
            description: String::new(),
            headers: Vec::new(),
            retry: None,
            timeout: None,
            rate_limit: None,
            format: Format::Standard,
            signing: Scheme::V1,
            status: Status::Enabled,
            verified_at: Some(now),
            failing_since: None,
            notices: 0,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        anyhow::ensure!(self.subscriptions.create(subscription, secret).await?, "a new id was taken");
        Ok(())
    }

    async fn publish(&self, count: usize) -> anyhow::Result<()> {
        for from in (0..count).step_by(500) {
            for outcome in self.engine.publisher().publish_all(events(from, 500.min(count - from))).await? {
                outcome?;
            }
        }
        Ok(())
    }

    async fn close(self) {
        self.engine.shut_down(Duration::from_secs(30)).await;
        match self.closing {
            Closing::Sqlite(store, _folder) => store.close().await,
            Closing::Postgres(store, broker, waking) => {
                waking.abort();
                broker.close().await;
                store.close().await;
            }
        }
    }
}

fn handler<S>(store: &Arc<S>, clock: Arc<dyn events_core::Clock>) -> anyhow::Result<(Arc<Vault>, Arc<WebhookHandler>)>
where
    S: EventStore + EventHistory + TargetStates + Leadership + StoredRoutes + WebhookSubscriptions + 'static,
{
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into();
    let vault = Arc::new(Vault::new(Keyring::new(("1", &key), [])?));
    let handler = WebhookHandler::new(WebhookParts {
        subscriptions: store.clone(),
        targets: store.clone(),
        vault: vault.clone(),
        sender: sender()?,
        clock,
    });
    Ok((vault, Arc::new(handler)))
}

fn sender() -> anyhow::Result<Sender> {
    let policy = AddressPolicy::allowing(["127.0.0.0/8".parse()?]);
    Ok(Sender::new(SenderOptions { policy, ..SenderOptions::default() })?)
}

/// Deliveries a second from the first publish to the last settlement, beside bare calls.
async fn rates(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let least = if servers.is_none() { 0.25 } else { 0.2 };
    let (mut bare, mut one, mut ten) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_calls(20_000).await?);
        one.push(delivered(store, servers, 20_000, 1).await?);
        ten.push(delivered(store, servers, 2_000, 10).await?);
    }
    let bare = Figure::of(bare);
    let name = format!("webhooks {store}, 20,000 events to 1 endpoint");
    report.ratio(&name, "/s", Figure::of(one), bare, Target::AtLeast(least));
    let name = format!("webhooks {store}, 2,000 events to 10 endpoints");
    report.ratio(&name, "/s", Figure::of(ten), bare, Target::AtLeast(least));
    Ok(())
}

/// POSTs a second of the bare client, with a body of the same size.
async fn bare_calls(count: usize) -> anyhow::Result<f64> {
    let receiver = Receiver::start()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = serde_json::to_vec(&crate::engine::complete(1))?;
    let started = Instant::now();
    let calls = (0..AT_ONCE).map(|_| {
        let (client, url, body) = (client.clone(), receiver.url(""), body.clone());
        tokio::spawn(async move {
            for _ in 0..count / AT_ONCE {
                client.post(&url).body(body.clone()).send().await?.error_for_status()?.bytes().await?;
            }
            anyhow::Ok(())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await??;
    }
    Ok(per_second(receiver.count(), started))
}

async fn delivered(store: &str, servers: Option<&Servers>, count: usize, endpoints: usize) -> anyhow::Result<f64> {
    let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
    for endpoint in 0..endpoints {
        system.subscribe(receiver.url(&format!("{endpoint}")), None).await?;
    }
    let started = Instant::now();
    system.publish(count).await?;
    receiver.reached(count * endpoints).await;
    system.engine.shut_down(Duration::from_secs(30)).await; // settled, which is part of it
    let rate = per_second(count * endpoints, started);
    anyhow::ensure!(receiver.count() == count * endpoints, "called {} times", receiver.count());
    system.close().await;
    Ok(rate)
}

/// From publish to the endpoint at fifty events a second.
async fn how_soon(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
    system.subscribe(receiver.url("timed"), None).await?;
    let [p50, p99] = at_fifty_a_second(&system, &receiver, 500).await?;
    report.value(&format!("webhooks {store}, publish to delivered at 50/s, p50"), "ms", p50, Target::AtMost(4.0));
    report.value(&format!("webhooks {store}, publish to delivered at 50/s, p99"), "ms", p99, Target::AtMost(10.0));
    system.close().await;
    Ok(())
}

/// An endpoint that never answers has 10,000 deliveries waiting; a healthy one is as quick as before.
async fn isolated(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    for (whose, organization_id) in [("the same organization", None), ("another organization", Some("org_of_the_sick"))]
    {
        let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
        system.subscribe(receiver.url("timed"), None).await?;
        let [_, before] = at_fifty_a_second(&system, &receiver, 500).await?;
        system.subscribe(receiver.url("silence"), organization_id).await?;
        let waiting = (0..10_000).map(|number| {
            let event = crate::engine::event(number);
            organization_id.map_or(event.clone(), |organization_id| event.organization(organization_id))
        });
        for call in waiting.collect::<Vec<_>>().chunks(500) {
            system.engine.publisher().publish_all(call.to_vec()).await?;
        }
        receiver.reached(1_500 + 10_000).await;
        receiver.times();
        let [_, beside] = at_fifty_a_second(&system, &receiver, 500).await?;
        let name = format!("webhooks {store}, p99 beside a hanging one of {whose}");
        report.ratio(&name, "ms", beside, before, Target::AtMost(2.0));
        system.close().await;
    }
    Ok(())
}

/// Publishes fifty events a second, in three rounds; p50 and p99 from publishing to the endpoint in milliseconds.
async fn at_fifty_a_second(system: &System, receiver: &Receiver, events: usize) -> anyhow::Result<[Figure; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let mut millis = Vec::with_capacity(events);
        for number in 0..events {
            ticks.tick().await;
            let before = receiver.count();
            let published = Instant::now();
            system.engine.publisher().publish(crate::engine::event(round * events + number)).await?;
            receiver.reached(before + 1).await;
            let arrived = receiver.times().pop().context("nothing arrived")?;
            millis.push(arrived.duration_since(published).as_secs_f64() * 1e3);
        }
        for (quantiles, which) in rounds.iter_mut().zip([0.5, 0.99]) {
            quantiles.push(quantile(&mut millis, which));
        }
    }
    Ok(rounds.map(Figure::of))
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
