//! An engine that sends webhooks as the server puts it together, on a store of its own.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::{
    Engine, EngineOptions, EventHandler, EventHistory, EventStore,
    ports::{DeliveryQueue, Leadership, StoredRoutes, SystemClock, TargetStates, WebhookSubscriptions},
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
use xtask::services::Rabbit;

use super::Servers;
use crate::engine::events;

/// What seals secrets.
pub(super) const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// An engine that sends webhooks, on a store of its own.
pub(super) struct System {
    pub(super) engine: Engine,
    subscriptions: Arc<dyn WebhookSubscriptions>,
    vault: Arc<Vault>,
    closing: Closing,
}

enum Closing {
    Sqlite(Arc<SqliteStore>, tempfile::TempDir),
    Postgres(Arc<PgStore>, Option<Arc<AmqpQueue>>, tokio::task::JoinHandle<()>),
}

impl System {
    pub(super) async fn start(store: &str, servers: Option<&Servers>) -> anyhow::Result<Self> {
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

    async fn on_postgres(Servers { postgres, rabbit }: &Servers) -> anyhow::Result<Self> {
        static PLACES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let place = PLACES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let store = Arc::new(PgStore::open(&format!("{}?schema=webhooks_{place}", postgres.url())).await?);
        let (vault, handler) = handler(&store, Arc::new(store.clock()))?;
        let listening = Arc::new(PgQueue::start(&store));
        let broker = match rabbit {
            Some(rabbit) => Some(broker(rabbit, &store, &handler).await?),
            None => None,
        };
        let queue: Arc<dyn DeliveryQueue> = match &broker {
            Some(broker) => broker.clone(),
            None => listening.clone(),
        };
        let options = EngineOptions {
            clock: Arc::new(store.clock()),
            commits_at_once: store.commits_at_once(),
            ..EngineOptions::default()
        };
        let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone()).options(options);
        let engine = builder.queue(queue).handler(handler.clone(), []).start();
        handler.publish_with(engine.publisher());
        let waker = engine.waker();
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
    pub(super) async fn subscribe(&self, url: String, organization_id: Option<&str>) -> anyhow::Result<()> {
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

    pub(super) async fn publish(&self, count: usize) -> anyhow::Result<()> {
        for from in (0..count).step_by(500) {
            for outcome in self.engine.publisher().publish_all(events(from, 500.min(count - from))).await? {
                outcome?;
            }
        }
        Ok(())
    }

    pub(super) async fn close(self) {
        self.engine.shut_down(Duration::from_secs(30)).await;
        match self.closing {
            Closing::Sqlite(store, _folder) => store.close().await,
            Closing::Postgres(store, broker, waking) => {
                waking.abort();
                if let Some(broker) = broker {
                    broker.close().await;
                }
                store.close().await;
            }
        }
    }
}

/// A queue on the broker, for one handler.
async fn broker(rabbit: &Rabbit, store: &PgStore, handler: &WebhookHandler) -> anyhow::Result<Arc<AmqpQueue>> {
    let mut options = AmqpOptions::new(rabbit.url().into());
    options.exchange = store.schema().to_owned();
    options.handlers = vec![AmqpHandler::with_concurrency(handler.name(), handler.policy().concurrency)];
    let broker = Arc::new(AmqpQueue::start(options)?);
    broker.connected(Duration::from_secs(20)).await?;
    Ok(broker)
}

fn handler<S>(store: &Arc<S>, clock: Arc<dyn events_core::Clock>) -> anyhow::Result<(Arc<Vault>, Arc<WebhookHandler>)>
where
    S: EventStore + EventHistory + TargetStates + Leadership + StoredRoutes + WebhookSubscriptions + 'static,
{
    let vault = Arc::new(Vault::new(Keyring::new(("1", &KEY.into()), [])?));
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
