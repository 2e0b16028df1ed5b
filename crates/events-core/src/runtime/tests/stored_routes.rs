//! Routes that are made while the engine runs.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use serde_json::json;

use super::{Bench, Scripted, event};
use crate::{
    Engine, EngineOptions, NewEvent,
    event::EventType,
    ports::{RoutesVersion, StoreError, StoredRoutes, Updated, WebhookSubscriptions},
    routing::{Reason, Route, explain},
    testkit::{MemoryStore, PausedClock, secret, subscription},
    webhooks::{HANDLER, Status, Subscription},
};

/// An engine with the routes of its store, on a store that others may share.
fn start(store: &Arc<MemoryStore>, handler: &Arc<Scripted>, routes: Arc<dyn StoredRoutes>) -> Bench {
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let builder = Engine::builder(store.clone(), store.clone()).options(options).stored_routes(routes);
    Bench { engine: builder.handler(handler.clone(), []).start(), store: store.clone() }
}

async fn made(store: &MemoryStore, subscription: Subscription) -> Subscription {
    let first = secret(subscription.subscription_id);
    assert!(store.create(subscription.clone(), first).await.unwrap());
    subscription
}

async fn update(store: &MemoryStore, subscription: Subscription) -> Subscription {
    let Updated::Done(now) = store.update(subscription).await.unwrap() else { panic!("nobody else changes it") };
    now
}

fn invoice(organization: &str, amount: u32) -> NewEvent {
    let payload = json!({ "invoice_id": "inv_1", "amount": amount });
    NewEvent::new(EventType::from_static("invoice.created"), payload).organization(organization)
}

fn targets(handler: &Scripted) -> Vec<String> {
    handler.calls().iter().flat_map(|call| &call.0).map(|it| it.target.to_string()).collect()
}

/// R294: creating an invoice queues exactly one delivery with that type and invoice id.
#[tokio::test(start_paused = true)]
async fn r294_an_invoice_makes_one_delivery_for_its_subscription() {
    let (store, handler) = (Arc::new(MemoryStore::new()), Scripted::willing(HANDLER));
    let bench = start(&store, &handler, store.clone());
    made(&store, subscription("test-tenant").events(&["invoice.created"]).build()).await;
    made(&store, subscription("other-tenant").build()).await;
    bench.publish(invoice("test-tenant", 100)).await;
    bench.settled().await;
    let calls = handler.calls();
    assert_eq!(calls.len(), 1);
    let told = &calls[0].0[0].event;
    assert_eq!(told.event_type.as_str(), "invoice.created");
    assert_eq!(told.payload.to_value().unwrap()["invoice_id"], "inv_1");
}

/// Whatever is answered before an event is published holds for it; nothing is waited for in between.
#[tokio::test(start_paused = true)]
async fn a_change_holds_for_every_event_that_is_published_after_it() {
    let (store, handler) = (Arc::new(MemoryStore::new()), Scripted::willing(HANDLER));
    let bench = start(&store, &handler, store.clone());
    bench.publish(invoice("org_1", 1)).await;
    bench.settled().await;
    for _ in 0..20 {
        let it = made(&store, subscription("org_1").build()).await;
        bench.publish(invoice("org_1", 2)).await;
        bench.settled().await;
        let off = Status::Disabled { reason: "by hand".to_owned(), at: it.created_at };
        let it = update(&store, Subscription { status: off, ..it }).await;
        bench.publish(invoice("org_1", 3)).await;
        bench.settled().await;
        let it = update(&store, Subscription { status: Status::Enabled, ..it }).await;
        bench.publish(invoice("org_1", 4)).await;
        bench.settled().await;
        assert!(store.delete(it.subscription_id, None).await.unwrap());
        bench.publish(invoice("org_1", 5)).await;
        bench.settled().await;
    }
    let amounts = handler.calls().into_iter().map(|call| call.0[0].event.payload.to_value().unwrap()["amount"].clone());
    assert_eq!(amounts.collect::<Vec<_>>(), vec![[json!(2), json!(4)]; 20].concat());
}

/// Two processes on one store: whichever routes, it sees the subscription.
#[tokio::test(start_paused = true)]
async fn every_process_sees_a_subscription_at_once() {
    let (store, handler) = (Arc::new(MemoryStore::new()), Scripted::willing(HANDLER));
    let benches = [0, 1].map(|_| start(&store, &handler, store.clone()));
    let mut expected = Vec::new();
    for round in 0..20 {
        let it = made(&store, subscription(&format!("org_{round}")).build()).await;
        benches[round % 2].publish(invoice(&format!("org_{round}"), 1)).await;
        benches[0].settled().await;
        expected.push(it.subscription_id.to_string());
    }
    assert_eq!(targets(&handler), expected);
}

/// What an event must hold is decided by the filter, with the reason when it does not.
#[tokio::test(start_paused = true)]
async fn a_filter_lets_some_events_through() {
    let (store, handler) = (Arc::new(MemoryStore::new()), Scripted::willing(HANDLER));
    let bench = start(&store, &handler, store.clone());
    let filter = r#"{"field": "payload.amount", "gte": 100}"#;
    let it = made(&store, subscription("org_1").filter(filter).build()).await;
    bench.publish(invoice("org_1", 100)).await;
    let small = bench.publish(invoice("org_1", 99)).await.event;
    bench.settled().await;
    assert_eq!(handler.calls().len(), 1);
    let table = bench.engine.routing_table().await.unwrap();
    let why_not = explain(&table, &small);
    assert_eq!(why_not.len(), 1);
    assert_eq!((&why_not[0].target, why_not[0].reason), (&it.subscription_id.into(), Reason::Filtered));
}

/// The table that people see is the one that an event would meet, also where nothing is routed.
#[tokio::test(start_paused = true)]
async fn the_table_is_the_current_one_in_a_process_that_only_publishes() {
    let store = Arc::new(MemoryStore::new());
    let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone()).publishing_only();
    let engine = builder.start();
    assert_eq!(engine.routing_table().await.unwrap().routes(), []);
    let it = made(&store, subscription("org_1").build()).await;
    assert_eq!(engine.routing_table().await.unwrap().routes(), [it.route().unwrap()]);
}

/// Counts how often the stored routes are read, and fails as often as it is told to.
struct Counted {
    inner: Arc<MemoryStore>,
    reads: AtomicUsize,
    failures: usize,
}

#[async_trait]
impl StoredRoutes for Counted {
    async fn stored_routes(&self) -> Result<(RoutesVersion, Vec<Route>), StoreError> {
        if self.reads.fetch_add(1, SeqCst) < self.failures {
            return Err(StoreError::Unavailable("switched off".to_owned()));
        }
        self.inner.stored_routes().await
    }
}

/// They are read when they have changed, and not for every event; and until they are, no event is routed without them.
#[tokio::test(start_paused = true)]
async fn stored_routes_are_read_when_they_changed_and_waited_for() {
    let (store, handler) = (Arc::new(MemoryStore::new()), Scripted::willing(HANDLER));
    let counted = Arc::new(Counted { inner: store.clone(), reads: AtomicUsize::new(0), failures: 3 });
    let bench = start(&store, &handler, counted.clone());
    made(&store, subscription("org_1").build()).await;
    for _ in 0..10 {
        bench.publish(invoice("org_1", 1)).await;
        bench.settled().await;
    }
    assert_eq!((handler.calls().len(), counted.reads.load(SeqCst)), (10, 3 + 1));
    bench.publish(event("user.signup")).await;
    bench.settled().await;
    assert_eq!(handler.calls().len(), 10, "an event without an organization is nobody's");
}
