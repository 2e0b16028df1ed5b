//! The composition root: store, handlers, engine and API, put together from the configuration.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context;
use events_amqp::AmqpQueue;
use events_core::{Catalog, Engine, EngineOptions, EventHandler, webhooks::HANDLER};
use events_webhooks::{
    WebhookHandler, WebhookParts,
    address::{Lookup, NameServers, SystemLookup},
    manage::{ManageParts, Webhooks},
    sender::{Sender, SenderOptions},
};
use tokio::net::TcpListener;

use crate::{
    config::{self, Config},
    http::{self, Api, LastLook},
    key,
    storage::{self, Storage},
};

/// A server that listens, and stops in order.
pub struct App {
    listener: TcpListener,
    router: axum::Router,
    engine: Arc<Engine>,
    storage: Storage,
    broker: Option<Arc<AmqpQueue>>,
    grace: std::time::Duration,
}

impl App {
    /// Opens the store, starts the engine and binds the port. Nothing is served yet.
    ///
    /// # Errors
    /// When the data directory, the store, a handler's configuration or the port is at fault.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        key::create_private_dir(&config.data_dir)
            .with_context(|| format!("server.data_dir: cannot create {}", config.data_dir.display()))?;
        let storage = Storage::open(&config.database).await?;
        let clock = storage.clock.clone();
        if config.role.serves_api() {
            key::ensure_admin_key(&*storage.keys, &config.data_dir, clock.now()).await?;
        }
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("server.listen: cannot listen on {}", config.listen))?;

        let options = EngineOptions {
            limits: config.limits,
            origin: config.origin,
            retention: config.retention,
            clock: clock.clone(),
            worker: format!("{}-{}", host(), std::process::id()),
            commits_at_once: storage.commits_at_once,
            ..EngineOptions::default()
        };
        let mut builder = Engine::builder(storage.store.clone(), storage.history.clone())
            .catalog(config.catalog.clone())
            .stored_routes(storage.routes.clone())
            .replays(storage.replays.clone(), storage.subscriptions.clone())
            .statistics(storage.statistics.clone(), [HANDLER.into()])
            .leadership(storage.leadership.clone())
            .options(options);
        let slack = config.slack.filter(|_| config.role.works()).map(Arc::new);
        let manage = webhooks(config.webhooks, &storage, &config.catalog, config.role.works())?;
        let webhooks = manage.as_ref().and_then(|manage| manage.handler.clone());
        let handlers = || {
            let slack = slack.iter().map(|slack| &**slack as &dyn EventHandler);
            slack.chain(webhooks.iter().map(|webhooks| &**webhooks as &dyn EventHandler))
        };
        let broker = match config.broker.filter(|_| config.role.works()) {
            Some(broker) => Some(Arc::new(broker.connect(handlers())?)),
            None => None,
        };
        let word = storage.word(config.role.works());
        match (&broker, &word) {
            (Some(broker), _) => builder = builder.queue(broker.clone()),
            (None, Some(word)) => builder = builder.queue(word.clone()),
            (None, None) => {}
        }
        if !config.role.works() {
            builder = builder.publishing_only();
        }
        if let Some(slack) = slack {
            // Whoever restarts the server may have mended the configuration: give every target another try.
            storage.targets.resume(&slack.name(), None, clock.now()).await?;
            let routes = slack.routes();
            builder = builder.handler(slack, routes);
        } else if config.role.works() {
            tracing::info!("Slack is off; set SLACK_WEBHOOK_URL to send events there");
        }
        if let Some(webhooks) = &webhooks {
            builder = builder.handler(webhooks.clone(), []);
        }
        let engine = Arc::new(builder.start());
        if let Some(webhooks) = &webhooks {
            webhooks.publish_with(engine.publisher());
        }
        if let Some(word) = word {
            storage::wake(engine.waker(), word);
        }
        let api = Api {
            publisher: engine.publisher(),
            engine: engine.clone(),
            store: storage.store.clone(),
            history: storage.history.clone(),
            targets: storage.targets.clone(),
            subscriptions: storage.subscriptions.clone(),
            replays: storage.replays.clone(),
            statistics: storage.statistics.clone(),
            keys: storage.keys.clone(),
            webhooks: manage.map(Webhooks::new),
            catalog: config.catalog,
            clock,
            last_look: LastLook::default(),
        };
        let router = http::routes(api, config.role.serves_api(), config.max_body_bytes);
        Ok(Self { listener, router, engine, storage, broker, grace: config.grace })
    }

    /// The address that is listened on; the port is known even when 0 was asked for.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then finishes requests and deliveries under way, within the grace.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) {
        let Self { listener, router, engine, storage, broker, grace } = self;
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let stop = async {
            stop.await;
            tracing::info!(?grace, "Stopping");
            let _ = stopping.send(()); // the receiver waits below
        };
        // Deliveries stop while the last requests are answered: both share the grace.
        let deliveries = async {
            let _ = stopped.await;
            engine.shut_down(grace).await;
        };
        tokio::join!(http::serve(listener, router, stop, grace), deliveries);
        if let Some(broker) = broker {
            broker.close().await;
        }
        storage.close().await;
        tracing::info!("Stopped");
    }
}

/// What webhooks work with, and their handler where this process works; `None` when there is no key that would seal
/// their secrets.
fn webhooks(
    config: config::Webhooks,
    storage: &Storage,
    catalog: &Arc<Catalog>,
    works: bool,
) -> anyhow::Result<Option<ManageParts>> {
    let (policy, allow_http, nameservers) = (config.policy.clone(), config.allow_http, config.nameservers.clone());
    let Some(vault) = config.vault()? else {
        tracing::info!("Webhooks are off; set EVENTS__WEBHOOKS__ENCRYPTION_KEYS to the same keys in every process");
        return Ok(None);
    };
    let lookup: Arc<dyn Lookup> = match nameservers.as_slice() {
        [] => Arc::new(SystemLookup),
        chosen => Arc::new(NameServers::new(chosen.iter().copied())?),
    };
    let shared = WebhookParts {
        subscriptions: storage.subscriptions.clone(),
        targets: storage.targets.clone(),
        vault: Arc::new(vault),
        sender: Sender::new(SenderOptions { policy: policy.clone(), lookup, roots: Vec::new() })?,
        clock: storage.clock.clone(),
    };
    Ok(Some(ManageParts {
        handler: works.then(|| Arc::new(WebhookHandler::new(shared.clone()))),
        shared,
        history: storage.history.clone(),
        catalog: catalog.clone(),
        policy,
        allow_http,
    }))
}

/// The name of this machine, for people who look at leased deliveries.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    name.map_or_else(|_| "pid".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Sources, load};

    /// C34: 503 tells load balancers to go elsewhere; nothing else does.
    #[tokio::test]
    async fn without_a_store_the_system_is_degraded_and_unavailable() {
        let data = tempfile::tempdir().unwrap();
        let setting = |key: &str, value: &str| (format!("EVENTS__SERVER__{key}"), value.to_owned());
        let environment = [setting("LISTEN", "127.0.0.1:0"), setting("DATA_DIR", data.path().to_str().unwrap())].into();
        let app = App::start(load(&Sources { file: None, environment }).unwrap()).await.unwrap();
        let url = format!("http://{}", app.address().unwrap());
        app.storage.close().await;
        tokio::spawn(app.serve(std::future::pending()));

        let answer = reqwest::get(format!("{url}/health")).await.unwrap();
        assert_eq!(answer.status(), 503);
        let mut health: Value = answer.json().await.unwrap();
        health["timestamp"].take();
        let expected = json!({ "unprocessed": null, "healthy": false });
        assert_eq!(health, json!({ "status": "degraded", "timestamp": null, "events": expected }));
        assert_eq!(reqwest::get(format!("{url}/health/ready")).await.unwrap().status(), 503);
        assert_eq!(reqwest::get(format!("{url}/health/live")).await.unwrap().status(), 200);
        let refused = reqwest::Client::new().get(format!("{url}/api/v1/events")).bearer_auth("ek_any").send().await;
        let refused = refused.unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    }

    /// A worker is reached by whoever looks after it, who has no key; on a SQLite file it stands for one on PostgreSQL.
    #[tokio::test]
    async fn a_worker_answers_health_checks_and_nothing_else() {
        let data = tempfile::tempdir().unwrap();
        let setting = |key: &str, value: &str| (format!("EVENTS__SERVER__{key}"), value.to_owned());
        let environment = [setting("LISTEN", "127.0.0.1:0"), setting("DATA_DIR", data.path().to_str().unwrap())].into();
        let mut config = load(&Sources { file: None, environment }).unwrap();
        config.role = "worker".parse().unwrap();
        let app = App::start(config).await.unwrap();
        let url = format!("http://{}", app.address().unwrap());
        tokio::spawn(app.serve(std::future::pending()));

        for path in ["/health", "/health/live", "/health/ready"] {
            assert_eq!(reqwest::get(format!("{url}{path}")).await.unwrap().status(), 200, "{path}");
        }
        assert!(!crate::key::admin_key_file(data.path()).exists(), "it makes no key");
        for path in [
            "/api/v1/events",
            "/api/v1/deliveries",
            "/api/v1/dead-letters",
            "/api/v1/keys",
            "/api/v1/stats",
            "/api/v1/replays",
            "/api/v1/webhooks/subscriptions",
            "/api/v1/webhooks/stats",
            "/openapi.json",
        ] {
            for method in [reqwest::Method::GET, reqwest::Method::POST] {
                let request = reqwest::Client::new().request(method, format!("{url}{path}")).bearer_auth("ek_any");
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 404, "{path}");
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "not_found", "{path}");
            }
        }
    }
}
