//! The runtime on the memory store, in paused time: no test waits, and none depends on speed.

mod counting;
mod emitting;
mod hooked;
mod limits;
mod openings;
mod publishing;
mod queueing;
mod replaying;
mod routing;
mod stopping;
mod stored_routes;
mod working;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::{Engine, EngineOptions};
use crate::{
    delivery::{Delivery, HandlerName},
    event::{EventType, NewEvent, Pattern},
    ports::{
        AttemptRecord, Delivered, DeliveryQuery, DeliveryRecord, EventHandler, EventHistory, HandlerError,
        HandlerPolicy,
    },
    routing::Route,
    testkit::{MemoryStore, PausedClock},
};

type Outcome = Result<Delivered, HandlerError>;
type Script = dyn Fn(&Delivery, usize) -> Outcome + Send + Sync;

/// A handler that follows a script and remembers its calls.
struct Scripted {
    name: HandlerName,
    policy: HandlerPolicy,
    script: Box<Script>,
    calls: watch::Sender<Vec<Call>>,
    /// A call takes a permit before it ends; tests that hold calls back give none.
    gate: Semaphore,
}

/// One call of a handler: the deliveries it was about.
#[derive(Clone, Debug, PartialEq)]
struct Call(Vec<Delivery>);

impl Scripted {
    fn new(
        name: &str,
        policy: HandlerPolicy,
        script: impl Fn(&Delivery, usize) -> Outcome + Send + Sync + 'static,
    ) -> Arc<Self> {
        let gate = Semaphore::new(1_000_000);
        Arc::new(Self {
            name: name.into(),
            policy,
            script: Box::new(script),
            calls: watch::Sender::new(Vec::new()),
            gate,
        })
    }

    /// Always succeeds.
    fn willing(name: &str) -> Arc<Self> {
        Self::new(name, HandlerPolicy::default(), |_, _| Ok(Delivered::status(200)))
    }

    /// Holds every call until [`Self::open`].
    fn closed(self: Arc<Self>) -> Arc<Self> {
        self.gate.forget_permits(1_000_000);
        self
    }

    fn open(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// Waits until there were this many calls.
    async fn called(&self, times: usize) -> Vec<Call> {
        let mut calls = self.calls.subscribe();
        let calls = calls.wait_for(|calls| calls.len() >= times).await.unwrap();
        calls.clone()
    }

    async fn record(&self, deliveries: &[Delivery]) -> usize {
        let mut number = 0;
        self.calls.send_modify(|calls| {
            calls.push(Call(deliveries.to_vec()));
            number = calls.len();
        });
        self.gate.acquire().await.unwrap().forget();
        number
    }
}

#[async_trait]
impl EventHandler for Scripted {
    fn name(&self) -> HandlerName {
        self.name.clone()
    }

    fn policy(&self) -> HandlerPolicy {
        self.policy.clone()
    }

    async fn handle(&self, delivery: &Delivery) -> Outcome {
        let number = self.record(std::slice::from_ref(delivery)).await;
        (self.script)(delivery, number)
    }

    async fn handle_digest(&self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let number = self.record(deliveries).await;
        deliveries.iter().map(|delivery| (self.script)(delivery, number)).collect()
    }
}

/// A running engine on a memory store.
struct Bench {
    engine: Engine,
    store: Arc<MemoryStore>,
}

impl Bench {
    /// Every event goes to every handler; targets come from the payload's field `to`.
    fn start(handlers: &[Arc<Scripted>]) -> Self {
        let routes = |handler: &Scripted| vec![Route::new(handler.name.clone(), "default", [Pattern::All])];
        Self::with_routes(handlers, routes)
    }

    fn with_routes(handlers: &[Arc<Scripted>], routes: impl Fn(&Scripted) -> Vec<Route>) -> Self {
        let store = Arc::new(MemoryStore::new());
        let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
        let mut builder = Engine::builder(store.clone(), store.clone()).options(options);
        for handler in handlers {
            builder = builder.handler(handler.clone(), routes(handler));
        }
        Self { engine: builder.start(), store }
    }

    async fn publish(&self, event: NewEvent) -> crate::Published {
        self.engine.publisher().publish(event).await.unwrap()
    }

    /// Waits until nothing is unrouted or undelivered, follow-ups included.
    async fn settled(&self) {
        let mut pause = Duration::from_millis(1);
        loop {
            let depth = self.store.depth(jiff::Timestamp::MAX).await.unwrap();
            if depth.unrouted + depth.due + depth.scheduled + depth.leased == 0 {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(600));
        }
    }

    /// Deliveries, oldest first.
    async fn deliveries(&self) -> Vec<DeliveryRecord> {
        let mut items = self.store.deliveries(DeliveryQuery::default()).await.unwrap().items;
        items.reverse();
        items
    }

    async fn attempts(&self, delivery: &DeliveryRecord) -> Vec<AttemptRecord> {
        self.store.attempts(delivery.delivery_id).await.unwrap()
    }
}

fn event(event_type: &'static str) -> NewEvent {
    NewEvent::new(EventType::from_static(event_type), json!({ "email": "alice@example.com" }))
}

/// Collects what a closure sees.
#[derive(Clone, Default)]
struct Seen<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Seen<T> {
    fn push(&self, value: T) {
        self.0.lock().unwrap().push(value);
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}
