//! Several engines on one store, with a queue between them: word comes at once, and nothing
//! depends on it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{Scripted, event};
use crate::{
    Engine, EngineOptions, Pattern, StoreError,
    delivery::HandlerName,
    ports::{
        AttemptRecord, Delivered, DeliveryQuery, DeliveryQueue, EventHistory, HandlerPolicy, Leadership, QueueError,
        Receipt, Received, Reference,
    },
    routing::Route,
    runtime::Retention,
    testkit::{MemoryQueue, MemoryStore, PausedClock},
};

/// What the processes of one system share.
struct System {
    store: Arc<MemoryStore>,
    queue: MemoryQueue,
}

impl System {
    fn new() -> Self {
        Self { store: Arc::new(MemoryStore::new()), queue: MemoryQueue::new() }
    }

    /// A process whose queue is `queue`, with a handler; every event goes to Slack.
    fn process(&self, queue: Arc<dyn DeliveryQueue>, handler: &Arc<Scripted>) -> Engine {
        let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
        let builder = Engine::builder(self.store.clone(), self.store.clone()).options(options).queue(queue);
        builder.handler(handler.clone(), [Route::new("slack".into(), "default", [Pattern::All])]).start()
    }

    /// A process that publishes and routes, and has nothing to do with Slack itself.
    fn api(&self) -> Engine {
        self.process(Arc::new(self.queue.another()), &Scripted::willing("elsewhere"))
    }

    /// A worker, and its connection to the queue.
    fn worker(&self, handler: &Arc<Scripted>) -> (Engine, Arc<MemoryQueue>) {
        let queue = Arc::new(self.queue.another());
        (self.process(queue.clone(), handler), queue)
    }

    async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..10_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what} did not come true");
    }

    async fn all_done(&self) {
        let done = async || self.store.depth(Timestamp::MAX).await.unwrap().unprocessed == 0;
        self.until("all deliveries done", done).await;
    }
}

/// Lets every task run until it waits, without time passing.
async fn quiet() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn word_makes_a_worker_of_another_process_look_at_once() {
    let system = System::new();
    let handler = Scripted::willing("slack");
    let (_worker, _) = system.worker(&handler);
    let api = system.api();
    quiet().await;
    let before = Instant::now();
    api.publisher().publish(event("user.signup")).await.unwrap();
    handler.called(1).await;
    assert!(before.elapsed() < Duration::from_millis(100), "found by looking after {:?}", before.elapsed());
    system.all_done().await;
}

#[tokio::test(start_paused = true)]
async fn word_is_acknowledged_when_what_it_led_to_is_settled() {
    let system = System::new();
    let handler = Scripted::willing("slack").closed();
    let (_worker, queue) = system.worker(&handler);
    let api = system.api();
    quiet().await;
    api.publisher().publish(event("user.signup")).await.unwrap();
    handler.called(1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(queue.unacknowledged(), 1, "the delivery is under way");
    handler.open(1);
    system.until("the word acknowledged", async || queue.unacknowledged() == 0).await;
    assert_eq!(system.store.depth(Timestamp::MAX).await.unwrap().unprocessed, 0, "acknowledged before it was settled");
}

#[tokio::test(start_paused = true)]
async fn word_that_leads_to_nothing_is_acknowledged() {
    let system = System::new();
    let (_worker, queue) = system.worker(&Scripted::willing("slack"));
    let reference = Reference { handler: "slack".into(), seqs: Vec::new() };
    system.queue.push(vec![reference; 30]).await.unwrap();
    system.until("all word taken", async || system.queue.waiting() == 0 && queue.unacknowledged() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn word_of_a_delivery_that_is_handed_back_goes_to_another() {
    let system = System::new();
    let narrow = HandlerPolicy { concurrency: 1, ..HandlerPolicy::default() };
    let stopping = Scripted::new("slack", narrow, |_, _| Ok(Delivered::default())).closed();
    let (engine, queue) = system.worker(&stopping);
    let api = system.api();
    api.publisher().publish_all(vec![event("a.b"), event("a.c")]).await.unwrap();
    stopping.called(1).await;
    system.until("both claimed", async || queue.unacknowledged() > 0).await;

    let next = Scripted::willing("slack");
    let (_next, _) = system.worker(&next);
    quiet().await;
    let before = Instant::now();
    let stop = async {
        quiet().await;
        next.called(1).await;
        assert!(before.elapsed() < Duration::from_millis(100), "found by looking after {:?}", before.elapsed());
        stopping.open(1);
    };
    tokio::join!(engine.shut_down(Duration::from_secs(20)), stop);
    system.all_done().await;
    assert_eq!((stopping.calls().len(), next.calls().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn without_the_queue_workers_look_for_themselves() {
    let system = System::new();
    let handler = Scripted::willing("slack");
    let (_worker, _) = system.worker(&handler);
    let api = system.api();
    system.queue.set_away(true);
    for _ in 0..5 {
        let before = Instant::now();
        let calls = handler.calls().len();
        api.publisher().publish(event("user.signup")).await.unwrap();
        handler.called(calls + 1).await;
        assert!(before.elapsed() <= Duration::from_millis(1_300), "found after {:?}", before.elapsed());
    }
    system.queue.set_away(false);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = Instant::now();
    api.publisher().publish(event("user.signup")).await.unwrap();
    handler.called(6).await;
    assert!(before.elapsed() < Duration::from_millis(100), "the queue is used again: {:?}", before.elapsed());
    system.all_done().await;
}

#[tokio::test(start_paused = true)]
async fn word_that_is_lost_loses_nothing() {
    let system = System::new();
    let handler = Scripted::willing("slack");
    let api = system.api();
    api.publisher().publish_all((0..40).map(|_| event("a.b")).collect()).await.unwrap();
    let thief = system.queue.another();
    let slack = HandlerName::from("slack");
    let mut stolen = 0;
    while stolen < 40 {
        let received = thief.receive(&slack, 100).await.unwrap();
        stolen += received.iter().map(|received| received.reference.seqs.len()).sum::<usize>();
        thief.ack(received.iter().map(|received| received.receipt).collect()).await.unwrap();
    }
    let (_worker, _) = system.worker(&handler);
    system.all_done().await;
    assert_eq!(handler.calls().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn word_that_comes_ten_times_leads_to_one_call() {
    let system = System::new();
    let handlers = [Scripted::willing("slack"), Scripted::willing("slack")];
    let api = system.api();
    api.publisher().publish_all((0..20).map(|_| event("a.b")).collect()).await.unwrap();
    let again = Reference { handler: "slack".into(), seqs: (1..=8).map(crate::Seq).collect() };
    system.queue.push(vec![again; 10]).await.unwrap();
    let _workers = handlers.each_ref().map(|handler| system.worker(handler));
    system.all_done().await;
    assert_eq!(handlers.iter().map(|handler| handler.calls().len()).sum::<usize>(), 20);
    let deliveries = system.store.deliveries(DeliveryQuery::default()).await.unwrap().items;
    for delivery in deliveries {
        let attempts: Vec<AttemptRecord> = system.store.attempts(delivery.delivery_id).await.unwrap();
        assert_eq!(attempts.len(), 1);
    }
}

/// A queue that takes what it is given and never answers.
struct Stuck;

#[async_trait]
impl DeliveryQueue for Stuck {
    async fn push(&self, _: Vec<Reference>) -> Result<(), QueueError> {
        std::future::pending().await
    }

    async fn receive(&self, _: &HandlerName, _: usize) -> Result<Vec<Received>, QueueError> {
        std::future::pending().await
    }

    async fn ack(&self, _: Vec<Receipt>) -> Result<(), QueueError> {
        std::future::pending().await
    }

    async fn nack(&self, _: Vec<Receipt>) -> Result<(), QueueError> {
        std::future::pending().await
    }
}

/// A queue that loses what it is given first, and cannot say whether it did.
struct Unsure {
    inner: MemoryQueue,
    pushes: AtomicUsize,
}

#[async_trait]
impl DeliveryQueue for Unsure {
    async fn push(&self, references: Vec<Reference>) -> Result<(), QueueError> {
        match self.pushes.fetch_add(1, SeqCst) {
            0 => Err(QueueError::Unknown("on purpose".into())),
            _ => self.inner.push(references).await,
        }
    }

    async fn receive(&self, handler: &HandlerName, limit: usize) -> Result<Vec<Received>, QueueError> {
        self.inner.receive(handler, limit).await
    }

    async fn ack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.inner.ack(receipts).await
    }

    async fn nack(&self, receipts: Vec<Receipt>) -> Result<(), QueueError> {
        self.inner.nack(receipts).await
    }
}

#[tokio::test(start_paused = true)]
async fn word_that_may_be_lost_is_said_again() {
    let system = System::new();
    let handler = Scripted::willing("slack");
    let (_worker, _) = system.worker(&handler);
    let unsure = Arc::new(Unsure { inner: system.queue.another(), pushes: AtomicUsize::new(0) });
    let api = system.process(unsure.clone(), &Scripted::willing("elsewhere"));
    quiet().await;
    let before = Instant::now();
    api.publisher().publish(event("user.signup")).await.unwrap();
    handler.called(1).await;
    assert!(before.elapsed() < Duration::from_millis(100), "found by looking after {:?}", before.elapsed());
    assert_eq!(unsure.pushes.load(SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_never_answers_holds_up_nothing() {
    let system = System::new();
    let handler = Scripted::willing("slack");
    let engine = system.process(Arc::new(Stuck), &handler);
    for _ in 0..200 {
        engine.publisher().publish(event("a.b")).await.unwrap();
        quiet().await;
    }
    system.all_done().await;
    assert_eq!(handler.calls().len(), 200);
    let before = Instant::now();
    engine.shut_down(Duration::from_secs(20)).await;
    assert!(before.elapsed() < Duration::from_secs(1), "stopping took {:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_publishes_only_leaves_the_rest_to_others() {
    let system = System::new();
    let api = Engine::builder(system.store.clone(), system.store.clone()).publishing_only().start();
    api.publisher().publish(event("a.b")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(system.store.depth(Timestamp::MAX).await.unwrap().unrouted, 1);
    let handler = Scripted::willing("slack");
    let (_worker, _) = system.worker(&handler);
    system.all_done().await;
    assert_eq!(handler.calls().len(), 1);
}

/// Lets this process lead, or not.
struct Chosen(bool);

#[async_trait]
impl Leadership for Chosen {
    async fn lead(&self, _: &str, _: &str, _: Duration, _: Timestamp) -> Result<bool, StoreError> {
        Ok(self.0)
    }

    async fn resign(&self, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn one_process_prunes_for_all() {
    for leads in [false, true] {
        let system = System::new();
        let retention = Retention { attempts: Duration::ZERO, ..Retention::default() };
        let options = EngineOptions { clock: Arc::new(PausedClock::new()), retention, ..EngineOptions::default() };
        let engine = Engine::builder(system.store.clone(), system.store.clone())
            .options(options)
            .leadership(Arc::new(Chosen(leads)))
            .handler(Scripted::willing("slack"), [Route::new("slack".into(), "default", [Pattern::All])])
            .start();
        engine.publisher().publish(event("a.b")).await.unwrap();
        system.all_done().await;
        tokio::time::sleep(Duration::from_secs(130)).await;
        let kept = system.store.deliveries(DeliveryQuery::default()).await.unwrap().items.len();
        assert_eq!(kept, usize::from(!leads), "an ended delivery is listed as long as its attempt is kept");
    }
}
