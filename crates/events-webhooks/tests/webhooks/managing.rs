//! The service of owners, on the memory store: what a crash leaves behind, and what is refused before it is stored.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use events_core::{
    Catalog, Engine, EventType, HandlerName, NewEvent, StoreError, Target,
    delivery::TargetEffect,
    ports::{SubscriptionQuery, SystemClock, TargetState, TargetStates, WebhookSubscriptions},
    testkit::MemoryStore,
    webhooks::Status,
};
use events_webhooks::{
    WebhookHandler, WebhookParts,
    manage::{ManageError, ManageParts, NewSubscription, Webhooks},
    sender::{Sender, SenderOptions},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    given::{ScriptedLookup, loopback, vault},
    receiver::{Receiver, Reply},
};

/// Targets that can neither be put to rest nor woken while the power is cut.
struct Targets {
    store: Arc<MemoryStore>,
    is_cut: AtomicBool,
}

impl Targets {
    fn power(&self) -> Result<(), StoreError> {
        if self.is_cut.load(Ordering::SeqCst) { Err(StoreError::Unavailable("no power".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl TargetStates for Targets {
    async fn troubled(&self, now: Timestamp) -> Result<Vec<TargetState>, StoreError> {
        self.store.troubled(now).await
    }

    async fn resume(
        &self,
        handler: &HandlerName,
        target: Option<&Target>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.power()?;
        self.store.resume(handler, target, now).await
    }

    async fn rest(
        &self,
        handler: &HandlerName,
        target: &Target,
        effect: TargetEffect,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.power()?;
        self.store.rest(handler, target, effect, now).await
    }
}

/// A running system, and the service of owners.
struct System {
    engine: Engine,
    store: Arc<MemoryStore>,
    targets: Arc<Targets>,
    webhooks: Webhooks,
}

impl System {
    fn start(lookup: ScriptedLookup) -> Self {
        let store = Arc::new(MemoryStore::new());
        let targets = Arc::new(Targets { store: store.clone(), is_cut: AtomicBool::new(false) });
        let options = SenderOptions { policy: loopback(), lookup: Arc::new(lookup), ..SenderOptions::default() };
        let shared = WebhookParts {
            subscriptions: store.clone(),
            targets: targets.clone(),
            vault: Arc::new(vault()),
            sender: Sender::new(options).unwrap(),
            clock: Arc::new(SystemClock),
        };
        let handler = Arc::new(WebhookHandler::new(shared.clone()));
        let builder = Engine::builder(store.clone(), store.clone()).stored_routes(store.clone());
        let engine = builder.handler(handler.clone(), []).start();
        let webhooks = Webhooks::new(ManageParts {
            shared,
            history: store.clone(),
            catalog: Arc::new(Catalog::embedded()),
            policy: loopback(),
            allow_http: true,
            handler: Some(handler),
        });
        Self { engine, store, targets, webhooks }
    }

    fn cut_power(&self, is_cut: bool) {
        self.targets.is_cut.store(is_cut, Ordering::SeqCst);
    }

    async fn publish(&self) {
        let event = NewEvent::new(EventType::from_static("invoice.created"), json!({})).organization("org_1");
        self.engine.publisher().publish(event).await.unwrap();
    }

    /// Waits until something waits for a target that rests.
    async fn held(&self) {
        while !self.store.troubled(Timestamp::now()).await.unwrap().iter().any(|state| state.waiting == 1) {
            tokio::task::yield_now().await;
        }
    }
}

fn new(url: &str) -> NewSubscription {
    NewSubscription { organization_id: Some("org_1".into()), ..NewSubscription::new(url, ["*".parse().unwrap()]) }
}

#[tokio::test]
async fn a_pause_that_broke_off_is_finished_by_the_handler() {
    let receiver = Receiver::start([Reply::status(200)]).await;
    let system = System::start(ScriptedLookup::default());
    let id = system.webhooks.create(new(receiver.url().as_str())).await.unwrap().subscription.subscription_id;
    system.cut_power(true);
    assert!(matches!(system.webhooks.pause(id, None).await, Err(ManageError::Store(_))));
    assert_eq!(system.webhooks.get(id, None).await.unwrap().status, Status::Paused);
    system.cut_power(false);

    system.publish().await;
    system.held().await;
    assert!(receiver.requests().is_empty());
    system.webhooks.enable(id, Some("org_1")).await.unwrap();
    system.engine.wake();
    while receiver.requests().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn enabling_again_wakes_a_target_that_the_first_time_left_at_rest() {
    let receiver = Receiver::start([Reply::status(200)]).await;
    let system = System::start(ScriptedLookup::default());
    let id = system.webhooks.create(new(receiver.url().as_str())).await.unwrap().subscription.subscription_id;
    system.webhooks.pause(id, None).await.unwrap();
    system.publish().await;
    system.held().await;
    system.cut_power(true);
    assert!(matches!(system.webhooks.enable(id, None).await, Err(ManageError::Store(_))));
    assert_eq!(system.webhooks.get(id, None).await.unwrap().status, Status::Enabled);
    system.cut_power(false);
    assert_eq!(system.store.troubled(Timestamp::now()).await.unwrap().len(), 1);

    system.webhooks.enable(id, None).await.unwrap();
    system.engine.wake();
    while receiver.requests().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_name_is_vetted_before_anything_is_stored() {
    for (address, is_allowed) in [("10.0.0.1", false), ("169.254.169.254", false), ("::1", false), ("8.8.8.8", true)] {
        let system = System::start(ScriptedLookup::of("receiver.example", &[address]));
        let made = system.webhooks.create(new("https://receiver.example/hooks")).await;
        assert_eq!(made.is_ok(), is_allowed, "{address}");
        let stored = system.store.list(SubscriptionQuery::default()).await.unwrap().items.len();
        assert_eq!(stored, usize::from(is_allowed));
        if let Err(error) = made {
            assert!(error.to_string().starts_with("url: its host receiver.example cannot be used"), "{error}");
        }
    }
}

#[tokio::test]
async fn no_debug_text_or_error_holds_a_secret() {
    let system = System::start(ScriptedLookup::default());
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut wish = new("http://127.0.0.1:9/");
    wish.secret = Some(secret.into());
    wish.headers = vec![("x-api-key".into(), "value-of-the-header".into())];
    let mut wrong = wish.clone();
    wrong.headers[0].1 = "value-of-the-header\n".into();
    let mut short = wish.clone();
    short.secret = Some(secret[..20].into());
    let mut texts = vec![format!("{wish:?}"), format!("{:?}", system.webhooks.create(wish).await.unwrap())];
    for refused in [wrong, short] {
        let error = system.webhooks.create(refused).await.unwrap_err();
        texts.extend([error.to_string(), format!("{error:?}")]);
    }
    for text in texts {
        assert!(!text.contains("value-of-the-header") && !text.contains(&secret[6..20]), "{text}");
    }
}
