//! The engine: a store, handlers and routes put together into a running system.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    announcer::{Announcer, Waker},
    counting::Counting,
    emitter::Emitter,
    maintenance::{Maintenance, Retention},
    openings::Openings,
    publisher::{Publisher, PublisherOptions},
    replaying::Replaying,
    router::Router,
    routes::Routes,
    wake::Wake,
    worker::Worker,
};
use crate::{
    catalog::Catalog,
    delivery::HandlerName,
    event::{Limits, Metadata},
    ports::{
        Clock, DeliveryQueue, EventHandler, EventHistory, EventStore, IdGenerator, Leadership, RandomIds, Replays,
        RoutesVersion, Statistics, StoreError, StoredRoutes, SystemClock, WebhookSubscriptions,
    },
    routing::{Route, RoutingTable},
};

/// What an engine runs with, beside its store and handlers.
#[derive(Clone)]
pub struct EngineOptions {
    /// Bounds on published events.
    pub limits: Limits,
    /// Source and environment of events that name none; `app` and `development` by default.
    pub origin: Metadata,
    /// Events that may wait in the emitter's buffer. 8,192 by default.
    pub emit_buffer: usize,
    /// How long things are kept.
    pub retention: Retention,
    /// Name of this process, for people who look at leased deliveries.
    pub worker: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids of new events.
    pub ids: Arc<dyn IdGenerator>,
    /// Commits of published events that may be under way at the same time; a further one begins when its batch is full,
    /// or the one before takes longer than ten milliseconds. 1 by default: right for a store that makes one after the
    /// other, as SQLite does.
    pub commits_at_once: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let origin = Metadata { source: "app".into(), environment: "development".into(), ..Metadata::default() };
        Self {
            limits: Limits::default(),
            origin,
            emit_buffer: 8192,
            retention: Retention::default(),
            worker: format!("pid-{}", std::process::id()),
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            commits_at_once: 1,
        }
    }
}

/// Collects what an engine is made of.
pub struct EngineBuilder {
    store: Arc<dyn EventStore>,
    history: Arc<dyn EventHistory>,
    catalog: Arc<Catalog>,
    handlers: Vec<Arc<dyn EventHandler>>,
    routes: Vec<Route>,
    stored_routes: Option<Arc<dyn StoredRoutes>>,
    queue: Option<Arc<dyn DeliveryQueue>>,
    leadership: Option<Arc<dyn Leadership>>,
    replays: Option<(Arc<dyn Replays>, Arc<dyn WebhookSubscriptions>)>,
    statistics: Option<(Arc<dyn Statistics>, Vec<HandlerName>)>,
    works: bool,
    options: EngineOptions,
}

impl EngineBuilder {
    /// Event types and aliases; the embedded catalog by default.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<Catalog>) -> Self {
        self.catalog = catalog;
        self
    }

    /// Adds a handler and the routes that lead to it. Without handlers, events are stored,
    /// routed to nobody and can be replayed later.
    #[must_use]
    pub fn handler(mut self, handler: Arc<dyn EventHandler>, routes: impl IntoIterator<Item = Route>) -> Self {
        self.handlers.push(handler);
        self.routes.extend(routes);
        self
    }

    /// Applies routes that are made while the engine runs, beside those of its handlers: an event meets every stored
    /// route whose making was answered before the event was published, in every process.
    #[must_use]
    pub fn stored_routes(mut self, stored_routes: Arc<dyn StoredRoutes>) -> Self {
        self.stored_routes = Some(stored_routes);
        self
    }

    /// Carries word of what is ready between processes. Without it, workers of other processes look
    /// for themselves about once a second.
    #[must_use]
    pub fn queue(mut self, queue: Arc<dyn DeliveryQueue>) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Chooses the process that does the upkeep for all. Without it, this one does.
    #[must_use]
    pub fn leadership(mut self, leadership: Arc<dyn Leadership>) -> Self {
        self.leadership = Some(leadership);
        self
    }

    /// Carries out jobs that make deliveries of webhooks again. Without it, they wait for a process that does.
    #[must_use]
    pub fn replays(mut self, replays: Arc<dyn Replays>, subscriptions: Arc<dyn WebhookSubscriptions>) -> Self {
        self.replays = Some((replays, subscriptions));
        self
    }

    /// Counts events, and attempts of these handlers, for statistics. Without it, readers count what they can
    /// themselves, until it is too much.
    #[must_use]
    pub fn statistics(
        mut self,
        statistics: Arc<dyn Statistics>,
        handlers: impl IntoIterator<Item = HandlerName>,
    ) -> Self {
        self.statistics = Some((statistics, handlers.into_iter().collect()));
        self
    }

    /// Publishes only; routing, deliveries and upkeep are left to other processes, and so is knowing the
    /// handlers.
    #[must_use]
    pub fn publishing_only(mut self) -> Self {
        self.works = false;
        self
    }

    /// Replaces the options.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }

    /// Starts emitting, routing, working and maintaining, on the current tokio runtime.
    #[must_use]
    pub fn start(self) -> Engine {
        let Self {
            store,
            history,
            catalog,
            mut handlers,
            routes,
            stored_routes,
            queue,
            leadership,
            replays,
            statistics,
            works,
            options,
        } = self;
        let names: Vec<HandlerName> = handlers.iter().map(|handler| handler.name()).collect();
        if !works {
            handlers.clear();
        }
        let wake = Wake::new(handlers.iter().map(|handler| handler.name()));
        let openings = Openings::new(handlers.iter().map(|handler| handler.name()));
        let (emitting, routing) = (TaskTracker::new(), TaskTracker::new());
        let stop = CancellationToken::new();
        let emit_stop = CancellationToken::new();

        let publisher_options = PublisherOptions {
            limits: options.limits.clone(),
            origin: options.origin.clone(),
            clock: options.clock.clone(),
            ids: options.ids.clone(),
            commits_at_once: options.commits_at_once,
        };
        let publisher = Publisher::start(store.clone(), publisher_options, wake.clone());
        let emitter = Emitter::start(publisher.clone(), options.emit_buffer, emit_stop.clone(), &emitting);

        if works && let Some((replays, subscriptions)) = replays {
            let replaying = Replaying {
                replays,
                subscriptions,
                history: history.clone(),
                catalog: catalog.clone(),
                leadership: leadership.clone(),
                worker: options.worker.clone(),
                clock: options.clock.clone(),
                wake: wake.clone(),
            };
            routing.spawn(replaying.run(stop.clone()));
        }
        if works && let Some((statistics, handlers)) = statistics {
            let counting = Counting {
                statistics,
                handlers,
                leadership: leadership.clone(),
                worker: options.worker.clone(),
                clock: options.clock.clone(),
            };
            routing.spawn(counting.run(stop.clone()));
        }
        let routes = Arc::new(Routes::new(catalog, routes, stored_routes));
        let announcer = Announcer::start(wake.clone(), queue.clone(), stop.clone(), &routing);
        if works {
            let clock = options.clock.clone();
            let (announcer, openings) = (announcer.clone(), openings.clone());
            let router = Router::new(store.clone(), routes.clone(), clock, wake.clone(), announcer, openings);
            routing.spawn(router.run(stop.clone()));
            let maintenance = Maintenance {
                store: store.clone(),
                leadership,
                worker: options.worker.clone(),
                clock: options.clock.clone(),
                wake: wake.clone(),
                retention: options.retention,
            };
            routing.spawn(maintenance.run(stop.clone()));
        }

        let worker = Worker::new(store.clone(), history, options.clock, wake.clone(), queue, options.worker);
        worker.start(&handlers, &openings);
        let waker = Waker::new(announcer, names);
        wake.all_lanes();
        wake.router();
        Engine { publisher, emitter, worker, store, routes, waker, stop, emit_stop, emitting, routing }
    }
}

/// A running system.
///
/// Dropping it stops nothing in an orderly way; call [`Engine::shut_down`].
pub struct Engine {
    publisher: Publisher,
    emitter: Emitter,
    worker: Worker,
    store: Arc<dyn EventStore>,
    routes: Arc<Routes>,
    waker: Waker,
    stop: CancellationToken,
    emit_stop: CancellationToken,
    emitting: TaskTracker,
    routing: TaskTracker,
}

impl Engine {
    /// Begins an engine on this store.
    #[must_use]
    pub fn builder(store: Arc<dyn EventStore>, history: Arc<dyn EventHistory>) -> EngineBuilder {
        EngineBuilder {
            store,
            history,
            catalog: Arc::new(Catalog::embedded()),
            handlers: Vec::new(),
            routes: Vec::new(),
            stored_routes: None,
            queue: None,
            leadership: None,
            replays: None,
            statistics: None,
            works: true,
            options: EngineOptions::default(),
        }
    }

    /// Publishes durably.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Emits without waiting.
    #[must_use]
    pub fn emitter(&self) -> Emitter {
        self.emitter.clone()
    }

    /// The routes in force for an event that is published now.
    ///
    /// # Errors
    /// When there are stored routes and the store does not answer.
    pub async fn routing_table(&self) -> Result<Arc<RoutingTable>, StoreError> {
        let version = if self.routes.are_stored() { self.store.unrouted(0).await?.routes } else { RoutesVersion(0) };
        self.routes.at(version).await
    }

    /// Looks for work at once: somebody changed the store from outside (a redrive, a resumed
    /// target, an event stored with `append_in`).
    pub fn wake(&self) {
        self.waker.all();
    }

    /// Has the engine look for work, from wherever somebody learns that there is some.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Publishes what was emitted, stops claiming, and gives deliveries under way until `grace`
    /// is over; what is not done by then goes to the next worker when its lease ends.
    pub async fn shut_down(&self, grace: Duration) {
        let Self { emitter, worker, stop, emit_stop, emitting, routing, .. } = self;
        let publish_the_rest = async {
            emit_stop.cancel();
            emitting.close();
            if tokio::time::timeout(grace, emitting.wait()).await.is_err() {
                tracing::error!(counts = ?emitter.counts(), "Emitted events are lost: the store did not take them in time");
            }
        };
        let stop_the_rest = async {
            stop.cancel();
            routing.close();
            tokio::join!(routing.wait(), worker.shut_down(grace));
        };
        tokio::join!(publish_the_rest, stop_the_rest);
    }
}
