//! The composition root: store, handlers, engine and API, put together from the configuration.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context;
use events_core::{Clock, Engine, EngineOptions, EventHandler, ports::SystemClock};
use events_sqlite::SqliteStore;
use tokio::net::TcpListener;

use crate::{
    config::Config,
    http::{self, Api, LastLook},
    key,
};

/// A server that listens, and stops in order.
pub struct App {
    listener: TcpListener,
    router: axum::Router,
    engine: Arc<Engine>,
    store: Arc<SqliteStore>,
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
        let store = Arc::new(SqliteStore::open(&config.database).await?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        key::ensure_admin_key(&*store, &config.data_dir, clock.now()).await?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("server.listen: cannot listen on {}", config.listen))?;

        let options = EngineOptions {
            limits: config.limits,
            origin: config.origin,
            retention: config.retention,
            clock: clock.clone(),
            ..EngineOptions::default()
        };
        let mut builder =
            Engine::builder(store.clone(), store.clone()).catalog(config.catalog.clone()).options(options);
        if let Some(slack) = config.slack {
            let slack = Arc::new(slack);
            // Whoever restarts the server may have mended the configuration: give every target another try.
            events_core::ports::TargetStates::resume(&*store, &slack.name(), None, clock.now()).await?;
            let routes = slack.routes();
            builder = builder.handler(slack, routes);
        } else {
            tracing::info!("No event handlers configured; set SLACK_WEBHOOK_URL to send events to Slack");
        }
        let engine = Arc::new(builder.start());
        let api = Api {
            publisher: engine.publisher(),
            engine: engine.clone(),
            store: store.clone(),
            history: store.clone(),
            targets: store.clone(),
            keys: store.clone(),
            catalog: config.catalog,
            clock,
            last_look: LastLook::default(),
        };
        let router = http::routes(api, config.max_body_bytes);
        Ok(Self { listener, router, engine, store, grace: config.grace })
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
        let Self { listener, router, engine, store, grace } = self;
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
        store.close().await;
        tracing::info!("Stopped");
    }
}
