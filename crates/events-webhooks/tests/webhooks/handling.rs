//! From a published event to a signed call and what follows from its answer, on the memory store.

use std::{sync::Arc, time::Duration};

use events_core::{
    Engine, EventHandler, EventType, NewEvent, Target,
    delivery::{AttemptOutcome, DeliveryState},
    ports::{
        AttemptRecord, DeliveryQuery, DeliveryRecord, EventHistory, SystemClock, TargetStates, TimelineQuery, Updated,
        WebhookSubscriptions,
    },
    testkit::MemoryStore,
    webhooks::{RateLimit, Status, Subscription},
};
use events_webhooks::{
    Vault, WebhookHandler, WebhookParts,
    signature::{self, Secret, SigningKey, VerifyingKey},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    given::{sender, subscribe, vault},
    receiver::{Receiver, Reply, Request},
};

/// A running system with webhooks.
struct System {
    engine: Engine,
    store: Arc<MemoryStore>,
    handler: Arc<WebhookHandler>,
    vault: Arc<Vault>,
}

impl System {
    /// With these milliseconds between tries.
    fn start(pauses: &[u64]) -> Self {
        Self::start_with(pauses, |handler| handler)
    }

    fn start_with(pauses: &[u64], change: impl FnOnce(WebhookHandler) -> WebhookHandler) -> Self {
        let vault = Arc::new(vault());
        let store = Arc::new(MemoryStore::new());
        let handler = WebhookHandler::new(WebhookParts {
            subscriptions: store.clone(),
            targets: store.clone(),
            vault: vault.clone(),
            sender: sender(),
            clock: Arc::new(SystemClock),
        });
        let pauses: Vec<_> = pauses.iter().map(|pause| Duration::from_millis(*pause)).collect();
        let handler = Arc::new(change(handler.with_pauses(pauses)));
        let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone());
        let engine = builder.handler(handler.clone(), []).start();
        handler.publish_with(engine.publisher());
        Self { engine, store, handler, vault }
    }

    /// Subscribes a receiver, with a secret of its own.
    async fn subscribe(&self, receiver: &Receiver, change: impl FnOnce(&mut Subscription)) -> (Subscription, Secret) {
        let secret = Secret::generate().unwrap();
        let key = SigningKey::Symmetric(secret.clone());
        let subscription = subscribe(&self.store, &self.vault, receiver, &key, change).await;
        (subscription, secret)
    }

    async fn publish(&self, count: usize) {
        let event = |number| {
            NewEvent::new(EventType::from_static("invoice.created"), json!({ "number": number })).organization("org_1")
        };
        for outcome in self.engine.publisher().publish_all((0..count).map(event).collect()).await.unwrap() {
            outcome.unwrap();
        }
    }

    async fn deliveries(&self, target: &Subscription) -> Vec<DeliveryRecord> {
        let target = Some(Target::from(target.subscription_id));
        self.store.deliveries(DeliveryQuery { target, ..DeliveryQuery::default() }).await.unwrap().items
    }

    async fn attempts(&self, target: &Subscription) -> Vec<AttemptRecord> {
        let deliveries = self.deliveries(target).await;
        self.store.attempts(deliveries[0].delivery_id).await.unwrap()
    }

    async fn current(&self, subscription: &Subscription) -> Subscription {
        self.store.subscription(subscription.subscription_id, None).await.unwrap().unwrap()
    }

    async fn change(&self, subscription: &Subscription, change: impl FnOnce(&mut Subscription)) {
        let mut changed = self.current(subscription).await;
        change(&mut changed);
        assert!(matches!(self.store.update(changed).await.unwrap(), Updated::Done(_)));
        self.handler.forget(&subscription.subscription_id.into());
    }

    async fn told(&self, event_type: &str) -> Vec<serde_json::Value> {
        let query = TimelineQuery { event_types: vec![event_type.parse().unwrap()], ..TimelineQuery::default() };
        let events = self.store.timeline(query).await.unwrap().items;
        events.iter().map(|told| told.event.payload.to_value().unwrap()).collect()
    }
}

/// Waits until something holds; a test that waits in vain ends with the test runner's patience.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..6_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} did not come true");
}

fn verified(request: &Request, secret: &Secret) -> Result<(), signature::Unverified> {
    let key = VerifyingKey::Symmetric(secret.clone());
    signature::verify(&key, &request.headers, &request.body, Timestamp::now())
}

#[tokio::test]
async fn a_retry_has_the_same_id_a_new_time_and_a_good_signature() {
    let system = System::start(&[10, 20]);
    let receiver = Receiver::start([Reply::with(500, &[("X-Why", "tired")], "not now")]).await;
    let (subscription, secret) = system.subscribe(&receiver, |_| {}).await;
    system.publish(1).await;
    until("two calls", async || receiver.requests().len() == 2).await;
    let requests = receiver.requests();
    for request in &requests {
        verified(request, &secret).unwrap();
        assert_eq!(request.headers["x-api-key"], "token-of-the-customer");
        assert_eq!(request.headers["webhook-id"], requests[0].headers["webhook-id"]);
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!((&body["type"], &body["data"]), (&json!("invoice.created"), &json!({ "number": 0 })));
    }
    until("it ends", async || system.deliveries(&subscription).await[0].state == DeliveryState::Succeeded).await;
    let attempts = system.attempts(&subscription).await;
    assert_eq!(attempts.iter().map(|it| it.outcome).collect::<Vec<_>>(), [AttemptOutcome::Retry, AttemptOutcome::Done]);
    let detail = attempts[0].detail.as_ref().unwrap();
    let told = detail.to_value().unwrap();
    assert_eq!(told["response"]["body"], "not now");
    assert!(detail.as_str().contains("tired") && !detail.as_str().contains("token-of-the-customer"), "{detail:?}");
    assert!(attempts[1].detail.is_some());
    until("its health is noted", async || system.current(&subscription).await.failing_since.is_none()).await;
}

#[tokio::test]
async fn what_is_gone_is_disabled_at_once_and_its_owner_told() {
    let system = System::start(&[10]);
    let receiver = Receiver::start([Reply::status(410)]).await;
    let (subscription, _) = system.subscribe(&receiver, |_| {}).await;
    system.publish(1).await;
    until("it is told", async || !system.told("webhook.subscription_disabled").await.is_empty()).await;
    let told = system.told("webhook.subscription_disabled").await;
    assert_eq!((told.len(), &told[0]["reason"]), (1, &json!("the endpoint answered 410 Gone")));
    assert!(matches!(system.current(&subscription).await.status, Status::Disabled { .. }));
    system.publish(3).await;
    until("all are routed", async || system.store.depth(Timestamp::MAX).await.unwrap().unrouted == 0).await;
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(system.deliveries(&subscription).await.len(), 1, "none are made for a disabled one");
}

/// The call was under way, or this process had not learnt of the change yet.
#[tokio::test]
async fn an_endpoint_that_is_gone_says_nothing_about_the_one_that_replaced_it() {
    let system = System::start(&[10]);
    let (old, new) = (Receiver::start([Reply::status(200), Reply::status(410)]).await, Receiver::start([]).await);
    let (subscription, _) = system.subscribe(&old, |_| {}).await;
    system.publish(1).await;
    until("it is known", async || old.requests().len() == 1).await;
    let mut moved = system.current(&subscription).await;
    moved.url = new.url().to_string();
    assert!(matches!(system.store.update(moved).await.unwrap(), Updated::Done(_)));
    system.publish(1).await;
    until("it has ended", async || system.store.depth(Timestamp::MAX).await.unwrap().unprocessed == 0).await;
    assert_eq!(old.requests().len() + new.requests().len(), 2);
    assert!(system.store.troubled(Timestamp::now()).await.unwrap().is_empty(), "the new one rests");
    assert_eq!(system.current(&subscription).await.status, Status::Enabled);
}

#[tokio::test]
async fn an_endpoint_that_only_fails_is_disabled_when_its_time_is_over() {
    let change = |handler: WebhookHandler| handler.disabling_after(Duration::from_millis(1));
    let system = System::start_with(&[10, 10, 10, 10], change);
    let receiver = Receiver::start(std::iter::repeat_n(Reply::status(404), 100)).await;
    let (subscription, _) = system.subscribe(&receiver, |_| {}).await;
    system.publish(1).await;
    until("it is told", async || !system.told("webhook.subscription_disabled").await.is_empty()).await;
    let Status::Disabled { reason, .. } = system.current(&subscription).await.status else { panic!("not disabled") };
    assert!(reason.contains("every delivery has failed"), "{reason}");
    let calls = receiver.requests().len();
    assert!((2..=3).contains(&calls), "{calls} calls");

    // Enabling it resumes what was held.
    system.change(&subscription, |it| it.status = Status::Enabled).await;
    let target = Target::from(subscription.subscription_id);
    system.store.resume(&system.handler.name(), Some(&target), Timestamp::now()).await.unwrap();
    system.engine.wake();
    until("it is called again", async || receiver.requests().len() > calls).await;
}

#[tokio::test]
async fn a_notice_is_given_once_at_half_of_the_time() {
    // The first failure opens the outage; a retry after more than half and less than nine tenths gives the notice.
    let change = |handler: WebhookHandler| handler.disabling_after(Duration::from_secs(60));
    let system = System::start_with(&[10, 10, 10], change);
    let receiver = Receiver::start(std::iter::repeat_n(Reply::status(404), 100)).await;
    let half_a_minute_ago = Timestamp::now() - jiff::SignedDuration::from_secs(35);
    let (subscription, _) = system.subscribe(&receiver, |it| it.failing_since = Some(half_a_minute_ago)).await;
    system.publish(1).await;
    until("it is dead", async || system.store.depth(Timestamp::MAX).await.unwrap().dead == 1).await;
    let told = system.told("webhook.subscription_failing").await;
    assert_eq!((told.len(), &told[0]["percent"]), (1, &json!(50)));
    assert_eq!(system.current(&subscription).await.notices, 1);
}

#[tokio::test]
async fn retries_follow_a_changed_url_and_end_with_a_deleted_subscription() {
    let system = System::start(&[300, 300]);
    let old = Receiver::start([Reply::status(500)]).await;
    let new = Receiver::start([]).await;
    let (moved, _) = system.subscribe(&old, |_| {}).await;
    let doomed = Receiver::start([Reply::status(500)]).await;
    let (deleted, _) = system.subscribe(&doomed, |_| {}).await;
    system.publish(1).await;
    until("both failed", async || old.requests().len() + doomed.requests().len() == 2).await;
    system.change(&moved, |it| it.url = new.url().to_string()).await;
    assert!(system.store.delete(deleted.subscription_id, None).await.unwrap());
    system.handler.forget(&deleted.subscription_id.into());
    until("the new one is called", async || new.requests().len() == 1).await;
    until("the other is dropped", async || system.deliveries(&deleted).await[0].state == DeliveryState::Dropped).await;
    assert_eq!((old.requests().len(), doomed.requests().len()), (1, 1));
    assert_eq!(system.attempts(&deleted).await[1].error.as_deref(), Some("the subscription was deleted"));
}

#[tokio::test]
async fn what_is_paused_waits_without_losing_an_attempt() {
    let system = System::start(&[10]);
    let receiver = Receiver::start([]).await;
    let (subscription, _) = system.subscribe(&receiver, |it| it.status = Status::Paused).await;
    system.publish(2).await;
    let target = Target::from(subscription.subscription_id);
    until("its target rests", async || !system.store.troubled(Timestamp::now()).await.unwrap().is_empty()).await;
    system.change(&subscription, |it| it.status = Status::Enabled).await;
    system.store.resume(&system.handler.name(), Some(&target), Timestamp::now()).await.unwrap();
    system.engine.wake();
    until("both arrive", async || receiver.requests().len() == 2).await;
    until("both end", async || system.store.depth(Timestamp::MAX).await.unwrap().unprocessed == 0).await;
    assert_eq!(system.attempts(&subscription).await.len(), 1);
}

#[tokio::test]
async fn a_rate_limit_holds_back_and_fails_nothing() {
    let system = System::start(&[10]);
    let receiver = Receiver::start([]).await;
    let rate = RateLimit { interval: Duration::from_millis(50), burst: 2 };
    let (subscription, _) = system.subscribe(&receiver, |it| it.rate_limit = Some(rate)).await;
    let before = tokio::time::Instant::now();
    system.publish(8).await;
    until("all arrive", async || receiver.requests().len() == 8).await;
    assert!(before.elapsed() >= Duration::from_millis(300), "six intervals: {:?}", before.elapsed());
    until("all end", async || system.store.depth(Timestamp::MAX).await.unwrap().unprocessed == 0).await;
    assert_eq!(system.attempts(&subscription).await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_holds_up_no_other() {
    let system = System::start(&[10]);
    let hanging = Receiver::start(std::iter::repeat_n(Reply::Silence, 10_000)).await;
    let healthy = Receiver::start([]).await;
    system.subscribe(&hanging, |_| {}).await;
    let (subscription, _) = system.subscribe(&healthy, |_| {}).await;
    system.publish(1_000).await;
    until("all arrive", async || healthy.requests().len() == 1_000).await;
    assert!(hanging.requests().len() <= 64, "{} calls hang", hanging.requests().len());
    assert_eq!(system.deliveries(&subscription).await.len(), 50, "a page of them");
}

/// No answer asks for a pause; it rests because of what the handler has learnt of it.
#[tokio::test]
async fn an_endpoint_that_fails_again_and_again_is_left_alone() {
    let system = System::start(&[60_000]);
    let receiver = Receiver::start(std::iter::repeat_n(Reply::status(500), 1_000)).await;
    let (subscription, _) = system.subscribe(&receiver, |_| {}).await;
    system.publish(100).await;
    until("its target rests", async || !system.store.troubled(Timestamp::now()).await.unwrap().is_empty()).await;
    assert!(receiver.requests().len() <= 8, "{} calls", receiver.requests().len());
    let waiting = system.deliveries(&subscription).await;
    assert!(waiting.iter().all(|it| it.state == DeliveryState::Pending || it.state == DeliveryState::Leased));
}
