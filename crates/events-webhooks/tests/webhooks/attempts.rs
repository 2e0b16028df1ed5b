//! Calls of the handler, one after the other, by a clock that the test moves: when they were made, who signed them,
//! what they look like, and what follows from several of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use events_core::{
    Delivery, DeliveryId, Engine, Event, EventHandler, HandlerError, Payload, Seq, Target,
    delivery::Lease,
    ports::{Advice, Clock, Delivered, EventHistory, TimelineQuery, WebhookSubscriptions},
    testkit::{self, ManualClock, MemoryStore, at},
    webhooks::{Format, HANDLER, Scheme, SecretId, Status, Subscription},
};
use events_webhooks::{
    Vault, WebhookHandler, WebhookParts,
    signature::{self, PrivateKey, Secret, SigningKey, VerifyingKey},
};
use serde_json::{Value, json};

use crate::{
    given::{sender, subscribe, vault},
    receiver::{Receiver, Reply, Request},
};

/// A payload that looks otherwise after it was read and written.
const PAYLOAD: &str = r#"{"z": 1.0, "a": 1}"#;
const HOUR: u64 = 3_600;

/// A handler, and what it works with.
struct Caller {
    handler: WebhookHandler,
    store: Arc<MemoryStore>,
    vault: Arc<Vault>,
    clock: Arc<ManualClock>,
}

impl Caller {
    fn new() -> Self {
        let (store, vault, clock) = (Arc::new(MemoryStore::new()), Arc::new(vault()), Arc::new(ManualClock::new()));
        let handler = WebhookHandler::new(WebhookParts {
            subscriptions: store.clone(),
            targets: store.clone(),
            vault: vault.clone(),
            sender: sender(),
            clock: clock.clone(),
        });
        Self { handler, store, vault, clock }
    }

    /// A delivery to a receiver that is subscribed with this key.
    async fn delivery(
        &self,
        receiver: &Receiver,
        key: &SigningKey,
        change: impl FnOnce(&mut Subscription),
    ) -> (Subscription, Delivery) {
        let subscription = subscribe(&self.store, &self.vault, receiver, key, change).await;
        let mut event = Event::clone(&testkit::event("invoice.created").organization("org_1").build());
        event.payload = Payload::from_json(PAYLOAD).unwrap();
        let delivery = Delivery {
            delivery_id: DeliveryId(1),
            lease: Lease(1),
            lease_until: at(0),
            seq: Seq(1),
            event: Arc::new(event),
            handler: HANDLER.into(),
            target: subscription.subscription_id.into(),
            attempt: 1,
            due_at: at(0),
            guard: None,
        };
        (subscription, delivery)
    }

    async fn call(&self, delivery: &Delivery) -> Result<Delivered, HandlerError> {
        self.handler.handle(delivery).await
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn current(&self, subscription: &Subscription) -> Subscription {
        self.store.subscription(subscription.subscription_id, None).await.unwrap().unwrap()
    }

    /// Whether a receiver with this key takes what came just now.
    fn is_signed_by(&self, key: &VerifyingKey, request: &Request) -> bool {
        signature::verify(key, &request.headers, &request.body, self.clock.now()).is_ok()
    }
}

fn symmetric() -> (SigningKey, VerifyingKey) {
    let secret = Secret::generate().unwrap();
    (SigningKey::Symmetric(secret.clone()), VerifyingKey::Symmetric(secret))
}

fn asymmetric() -> (SigningKey, VerifyingKey) {
    let private = PrivateKey::generate().unwrap();
    let public = VerifyingKey::Public(private.public_key());
    (SigningKey::Asymmetric(private), public)
}

fn last(receiver: &Receiver) -> Request {
    receiver.requests().pop().unwrap()
}

/// The attributes that are told in headers.
fn attributes(request: &Request) -> BTreeMap<&str, &str> {
    let all = request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    all.filter(|(name, _)| name.starts_with("ce-")).collect()
}

/// Receivers refuse what was signed more than five minutes ago, so a retry is signed with the time of the retry.
#[tokio::test]
async fn each_attempt_is_signed_with_its_own_time_and_the_same_id() {
    let (caller, receiver) = (Caller::new(), Receiver::start([Reply::status(500)]).await);
    let (key, verifying) = symmetric();
    let (_, mut delivery) = caller.delivery(&receiver, &key, |_| {}).await;
    caller.call(&delivery).await.unwrap_err();
    let first = last(&receiver);
    assert!(caller.is_signed_by(&verifying, &first));
    caller.advance(10 * 60);
    assert!(!caller.is_signed_by(&verifying, &first), "it is too old by now");
    delivery.attempt = 2;
    caller.call(&delivery).await.unwrap();
    let second = last(&receiver);
    assert!(caller.is_signed_by(&verifying, &second));
    assert_eq!(first.headers["webhook-timestamp"], at(0).as_second().to_string());
    assert_eq!(second.headers["webhook-timestamp"], at(600).as_second().to_string());
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn until_the_old_secret_ends_both_sign_and_then_the_new_one_alone() {
    let (caller, receiver) = (Caller::new(), Receiver::start([]).await);
    let ((old_key, old), (new_key, new)) = (symmetric(), symmetric());
    let (subscription, delivery) = caller.delivery(&receiver, &old_key, |_| {}).await;
    let check = async |signatures: usize, by_old: bool, by_new: bool| {
        caller.call(&delivery).await.unwrap();
        let request = last(&receiver);
        let shown = request.headers["webhook-signature"].to_str().unwrap();
        assert_eq!(shown.split(' ').count(), signatures, "{shown}");
        assert_eq!(caller.is_signed_by(&old, &request), by_old, "by the old one");
        assert_eq!(caller.is_signed_by(&new, &request), by_new, "by the new one");
    };
    check(1, true, false).await;
    let sealed = caller.vault.seal_key(SecretId::random(), subscription.subscription_id, &new_key, at(0)).unwrap();
    assert!(caller.store.add_secret(sealed, at(60)).await.unwrap());
    caller.handler.forget(&delivery.target);
    check(2, true, true).await;
    caller.advance(59);
    check(2, true, true).await;
    caller.advance(1);
    check(1, false, true).await;
}

#[tokio::test]
async fn the_public_key_is_enough_to_verify_what_is_signed_by_v1a() {
    let (caller, receiver) = (Caller::new(), Receiver::start([]).await);
    let ((key, public), (_, other)) = (asymmetric(), asymmetric());
    let (_, delivery) = caller.delivery(&receiver, &key, |it| it.signing = Scheme::V1a).await;
    caller.call(&delivery).await.unwrap();
    let request = last(&receiver);
    assert!(request.headers["webhook-signature"].to_str().unwrap().starts_with("v1a,"));
    assert!(caller.is_signed_by(&public, &request));
    assert!(!caller.is_signed_by(&other, &request));
}

#[tokio::test]
async fn a_structured_cloud_event_is_one_object_and_signed_as_it_is_sent() {
    let (caller, receiver) = (Caller::new(), Receiver::start([]).await);
    let (key, verifying) = symmetric();
    let (_, delivery) = caller.delivery(&receiver, &key, |it| it.format = Format::CloudEventsStructured).await;
    caller.call(&delivery).await.unwrap();
    let request = last(&receiver);
    assert!(caller.is_signed_by(&verifying, &request));
    let types: Vec<_> = request.headers.get_all("content-type").iter().collect();
    assert_eq!(types, ["application/cloudevents+json"]);
    assert!(attributes(&request).is_empty(), "{:?}", request.headers);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let id = delivery.event.event_id.to_string();
    assert_eq!(
        body,
        json!({
            "specversion": "1.0", "id": id, "source": "/test", "type": "invoice.created",
            "time": "2026-01-01T00:00:00Z", "dataschema": "urn:event:invoice.created:1.0.0",
            "organizationid": "org_1", "datacontenttype": "application/json", "data": { "z": 1.0, "a": 1 },
        })
    );
    assert!(String::from_utf8(request.body).unwrap().contains(PAYLOAD), "the payload as it was published");
    assert_eq!(request.headers["webhook-id"], format!("evt_{id}"));
}

#[tokio::test]
async fn a_binary_cloud_event_is_the_payload_and_signed_as_it_is_sent() {
    let (caller, receiver) = (Caller::new(), Receiver::start([]).await);
    let (key, verifying) = symmetric();
    let (_, delivery) = caller.delivery(&receiver, &key, |it| it.format = Format::CloudEventsBinary).await;
    caller.call(&delivery).await.unwrap();
    let request = last(&receiver);
    assert!(caller.is_signed_by(&verifying, &request));
    let types: Vec<_> = request.headers.get_all("content-type").iter().collect();
    assert_eq!(types, ["application/json"]);
    let id = delivery.event.event_id.to_string();
    let expected = [
        ("ce-specversion", "1.0"),
        ("ce-id", &id),
        ("ce-source", "/test"),
        ("ce-type", "invoice.created"),
        ("ce-time", "2026-01-01T00:00:00Z"),
        ("ce-dataschema", "urn:event:invoice.created:1.0.0"),
        ("ce-organizationid", "org_1"),
    ];
    assert_eq!(attributes(&request), BTreeMap::from(expected));
    assert_eq!(String::from_utf8(request.body).unwrap(), PAYLOAD);
    assert_eq!(request.headers["webhook-id"], format!("evt_{id}"));
}

/// A 500 asks for no pause, so the rest is what the handler has learnt.
#[tokio::test]
async fn after_five_failures_in_a_row_an_endpoint_rests_until_one_call_tries_it() {
    let caller = Caller::new();
    let receiver = Receiver::start(std::iter::repeat_n(Reply::status(500), 6)).await;
    let (_, delivery) = caller.delivery(&receiver, &symmetric().0, |_| {}).await;
    let advice = async || caller.call(&delivery).await.unwrap_err().advice;
    for _ in 0..4 {
        assert_eq!(advice().await, Advice::Retry);
    }
    let mut calls = 4;
    for shortest in [3_750, 7_500] {
        calls += 1;
        let Advice::RetryAfter(pause) = advice().await else { panic!("it does not rest after {calls} calls") };
        assert!(pause >= Duration::from_millis(shortest), "{pause:?}");
        assert_eq!(advice().await, Advice::Hold(pause));
        assert_eq!(receiver.requests().len(), calls, "what is held is not sent");
        caller.advance(pause.as_secs() + 1);
    }
    caller.call(&delivery).await.unwrap();
    caller.call(&delivery).await.unwrap();
}

/// The store keeps the outage: each call is made by a process that knows nothing of the calls before.
#[tokio::test]
async fn an_outage_is_told_once_at_half_and_once_at_nine_tenths_of_five_days() {
    let caller = Caller::new();
    let engine = Engine::builder(caller.store.clone(), caller.store.clone()).publishing_only().start();
    caller.handler.publish_with(engine.publisher());
    let receiver = Receiver::start(std::iter::repeat_n(Reply::status(404), 100)).await;
    let (subscription, delivery) = caller.delivery(&receiver, &symmetric().0, |_| {}).await;
    let told = async || {
        let event_types = vec!["webhook.subscription_failing".parse().unwrap()];
        let query = TimelineQuery { event_types, ..TimelineQuery::default() };
        let events = caller.store.timeline(query).await.unwrap().items;
        let mut told: Vec<_> = events.iter().map(|it| it.event.payload.to_value().unwrap()).collect();
        told.sort_by_key(|told| told["percent"].as_u64());
        told
    };
    let mut hours = 0;
    for (hour, notices, percents) in [
        (0, 0, &[][..]),
        (59, 0, &[]),
        (60, 1, &[50]),
        (107, 1, &[50]),
        (108, 2, &[50, 90]),
        (109, 2, &[50, 90]),
        (119, 2, &[50, 90]),
    ] {
        caller.advance((hour - hours) * HOUR);
        hours = hour;
        caller.handler.directory().forget(&delivery.target);
        caller.call(&delivery).await.unwrap_err();
        assert_eq!(caller.current(&subscription).await.notices, notices, "after {hour} hours");
        let told: Vec<_> = told().await.iter().map(|told| told["percent"].clone()).collect();
        assert_eq!(told, percents, "after {hour} hours");
    }
    for told in told().await {
        assert_eq!(told["subscription_id"], json!(subscription.subscription_id));
        assert_eq!((&told["failing_since"], &told["disabled_at"]), (&json!(at(0)), &json!(at(5 * 86_400))));
    }
    caller.advance(HOUR);
    caller.call(&delivery).await.unwrap_err();
    let Status::Disabled { reason, .. } = caller.current(&subscription).await.status else { panic!("not disabled") };
    assert_eq!(reason, "every delivery has failed for 5 days");
}

/// The pauses that the documentation promises; jitter only makes them longer.
#[tokio::test]
async fn a_delivery_is_tried_ten_times_over_three_days() {
    let retry = Caller::new().handler.policy_for(&Target::from("of a subscription without a schedule")).await.retry;
    let minutes = [5, 30, 2 * 60, 5 * 60, 10 * 60, 14 * 60, 20 * 60, 24 * 60].map(|minutes| minutes * 60);
    let mut now = at(0);
    for (attempt, pause) in (1..).zip([5].into_iter().chain(minutes)) {
        let next = retry.next(attempt, now, 0.0, None).unwrap();
        assert_eq!(next.duration_since(now).as_secs(), pause, "after attempt {attempt}");
        now = next;
    }
    assert_eq!(retry.next(10, now, 0.0, None), None, "it is a dead letter then");
    assert_eq!(now, "2026-01-04T03:35:05Z".parse().unwrap(), "more than 75 hours after the first attempt");
}
