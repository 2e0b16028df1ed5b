//! The composition root: store, handlers, engine and API, put together from the configuration.

use std::{future::Future, net::SocketAddr, sync::Arc};

use anyhow::Context;
use events_core::{Clock, Engine, EngineOptions, EventHandler, ports::SystemClock};
use events_sqlite::SqliteStore;
use tokio::net::TcpListener;

use crate::{
    config::Config,
    http::{self, Api},
    key,
};

/// A server that listens, and stops in order.
pub(crate) struct App {
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
    pub(crate) async fn start(config: Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data_dir)
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
        };
        let router = http::routes(api, config.max_body_bytes);
        Ok(Self { listener, router, engine, store, grace: config.grace })
    }

    /// The address that is listened on; the port is known even when 0 was asked for.
    pub(crate) fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves, then finishes requests and deliveries under way, within the grace.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
        let Self { listener, router, engine, store, grace } = self;
        let (stopping, stopped) = tokio::sync::oneshot::channel();
        let stop = async move {
            stop.await;
            let _ = stopping.send(());
        };
        let serving = async { axum::serve(listener, router).with_graceful_shutdown(stop).await };
        tokio::pin!(serving);
        // Without a connection, serving ends in the very moment it is told to stop.
        let ended = tokio::select! {
            served = &mut serving => Some(served),
            _ = stopped => None,
        };
        tracing::info!(?grace, "Stopping");
        // Deliveries stop while the last requests are answered: both share the grace.
        let requests = async {
            if let Some(served) = ended {
                return served;
            }
            tokio::time::timeout(grace, serving).await.unwrap_or_else(|_| {
                tracing::warn!("Requests under way at the end of the grace period are cut off");
                Ok(())
            })
        };
        let (served, ()) = tokio::join!(requests, engine.shut_down(grace));
        store.close().await;
        tracing::info!("Stopped");
        served.context("the API failed")
    }
}
