//! Targets of one handler beside each other: what one of them is allowed, and how each is tried.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};

use super::event;
use crate::{
    Engine, EngineOptions, Pattern,
    delivery::{AttemptOutcome, Delivery, ErrorClass, HandlerName, Pacing, RetryPolicy, Target},
    ports::{
        AttemptRecord, Delivered, DeliveryQuery, EventHandler, EventHistory, HandlerError, HandlerPolicy, TargetLimit,
        TargetLimits, TargetPolicy,
    },
    routing::Route,
    testkit::{MemoryStore, PausedClock},
};

/// A handler whose targets behave by their names.
struct Targets {
    limits: TargetLimits,
    pacing: Option<Pacing>,
    calls: watch::Sender<Vec<Target>>,
}

impl Targets {
    fn calls_to(&self, target: &str) -> usize {
        self.calls.borrow().iter().filter(|called| called.as_str() == target).count()
    }

    async fn called(&self, target: &str, times: usize) {
        let to = |calls: &Vec<Target>| calls.iter().filter(|called| called.as_str() == target).count();
        self.calls.subscribe().wait_for(|calls| to(calls) >= times).await.unwrap();
    }
}

#[async_trait]
impl EventHandler for Targets {
    fn name(&self) -> HandlerName {
        "webhooks".into()
    }

    fn policy(&self) -> HandlerPolicy {
        HandlerPolicy { concurrency: 4, pacing: self.pacing.clone(), ..HandlerPolicy::default() }
    }

    async fn policy_for(&self, target: &Target) -> TargetPolicy {
        let HandlerPolicy { timeout, retry, .. } = self.policy();
        match target.as_str() {
            "failing" => {
                let retry = RetryPolicy::listed([7, 70].map(Duration::from_secs));
                TargetPolicy { timeout: Duration::from_secs(2), retry }
            }
            "confusing" => panic!("on purpose"),
            "puzzling" => std::future::pending().await,
            _ => TargetPolicy { timeout, retry },
        }
    }

    fn target_limits(&self) -> TargetLimits {
        self.limits.clone()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Delivered, HandlerError> {
        self.calls.send_modify(|calls| calls.push(delivery.target.clone()));
        match delivery.target.as_str() {
            "hanging" => std::future::pending().await,
            "failing" if delivery.attempt == 2 => std::future::pending().await,
            "failing" => Err(HandlerError::retry(ErrorClass::new("http_5xx"), "503")),
            "held" if self.calls_to("held") == 1 => {
                Err(HandlerError::hold("no more this minute", Duration::from_secs(60)))
            }
            _ => Ok(Delivered::status(200)),
        }
    }
}

/// An engine in which every event goes to all these targets.
fn start(limits: TargetLimits, targets: &[&str]) -> (Engine, Arc<MemoryStore>, Arc<Targets>) {
    start_with(Targets { limits, pacing: None, calls: watch::Sender::default() }, targets)
}

fn start_with(handler: Targets, targets: &[&str]) -> (Engine, Arc<MemoryStore>, Arc<Targets>) {
    let handler = Arc::new(handler);
    let store = Arc::new(MemoryStore::new());
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let routes = targets.iter().map(|target| Route::new("webhooks".into(), *target, [Pattern::All]));
    let builder = Engine::builder(store.clone(), store.clone()).options(options);
    (builder.handler(handler.clone(), routes).start(), store, handler)
}

async fn publish(engine: &Engine, events: usize) {
    engine.publisher().publish_all((0..events).map(|_| event("a.b")).collect()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_answers_leaves_room_for_the_others() {
    let limits = TargetLimits { each: TargetLimit::calls(2), ..TargetLimits::default() };
    let (engine, _, handler) = start(limits, &["hanging", "quick"]);
    let before = Instant::now();
    publish(&engine, 200).await;
    handler.called("quick", 200).await;
    assert!(before.elapsed() < Duration::from_secs(5), "it waited for the other: {:?}", before.elapsed());
    assert_eq!(handler.calls_to("hanging"), 2, "no more are under way than are allowed");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_full_gets_more_as_soon_as_half_of_it_is_free() {
    let limits = TargetLimits { of: [("quick".into(), TargetLimit::calls(4))].into(), ..TargetLimits::default() };
    let (engine, _, handler) = start(limits, &["quick"]);
    let before = Instant::now();
    publish(&engine, 400).await;
    handler.called("quick", 400).await;
    assert!(before.elapsed() < Duration::from_millis(900), "it waited for a look: {:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_more_is_held_than_eight_times_the_calls_of_the_handler() {
    let much = TargetLimit { calls: 1, at_hand: 1_000 };
    let (engine, store, handler) = start(TargetLimits { each: much, ..TargetLimits::default() }, &["hanging"]);
    publish(&engine, 100).await;
    handler.called("hanging", 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.depth(Timestamp::MAX).await.unwrap().due, 100 - 8 * 4);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_allowed_nothing_keeps_nobody_busy() {
    let limits = TargetLimits { of: [("quick".into(), TargetLimit::calls(0))].into(), ..TargetLimits::default() };
    let (engine, store, handler) = start(limits, &["quick", "other"]);
    publish(&engine, 3).await;
    handler.called("other", 3).await;
    tokio::time::sleep(Duration::from_secs(60)).await; // ends only if nobody spins
    assert_eq!(handler.calls_to("quick"), 0);
    assert_eq!(store.depth(Timestamp::MAX).await.unwrap().due, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_waits_and_has_used_up_no_attempt() {
    let (engine, store, handler) = start(TargetLimits::default(), &["held"]);
    let before = Instant::now();
    publish(&engine, 1).await;
    handler.called("held", 2).await;
    let waited = before.elapsed().as_secs();
    assert!((60..=62).contains(&waited), "{waited} s");
    while store.depth(Timestamp::MAX).await.unwrap().unprocessed > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let delivery = store.deliveries(DeliveryQuery::default()).await.unwrap().items.remove(0);
    let attempts = store.attempts(delivery.delivery_id).await.unwrap();
    assert_eq!(attempts.iter().map(|it| (it.number, it.outcome)).collect::<Vec<_>>(), [(1, AttemptOutcome::Done)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_at_hand_for_a_target_that_wants_rest_is_handed_back() {
    let (engine, store, handler) =
        start(TargetLimits { each: TargetLimit::calls(1), ..TargetLimits::default() }, &["held"]);
    publish(&engine, 3).await;
    handler.called("held", 1).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(handler.calls_to("held"), 1, "called although it wants rest");
    handler.called("held", 4).await;
    while store.depth(Timestamp::MAX).await.unwrap().unprocessed > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_has_its_own_timeout_and_retries() {
    let (engine, store, handler) = start(TargetLimits::default(), &["failing"]);
    publish(&engine, 1).await;
    handler.called("failing", 3).await;
    while store.depth(Timestamp::MAX).await.unwrap().dead == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let delivery = store.deliveries(DeliveryQuery::default()).await.unwrap().items.remove(0);
    let attempts = store.attempts(delivery.delivery_id).await.unwrap();
    let (retry, dead) = (AttemptOutcome::Retry, AttemptOutcome::Dead);
    assert_eq!(attempts.iter().map(|it| it.outcome).collect::<Vec<_>>(), [retry, retry, dead]);
    assert_eq!(attempts[1].error_class, Some(ErrorClass::TIMEOUT));
    assert!((1_999..3_000).contains(&attempts[1].duration_ms) || attempts[1].duration_ms == 0, "{:?}", attempts[1]);
    let between = |at: usize| attempts[at].created_at.duration_since(attempts[at - 1].created_at).as_secs();
    assert!((9..=11).contains(&between(1)) && (70..=79).contains(&between(2)), "{} {}", between(1), between(2));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_policy_is_not_told_fails_and_is_tried_again() {
    let digests = Pacing { interval: Duration::from_secs(1), burst: 1, digest_over: 1, digest_max: 5 };
    let ways = [("confusing", ErrorClass::PANIC), ("puzzling", ErrorClass::TIMEOUT)];
    for ((target, class), pacing) in
        ways.into_iter().flat_map(|way| [(way.clone(), None), (way, Some(digests.clone()))])
    {
        let handler = Targets { limits: TargetLimits::default(), pacing, calls: watch::Sender::default() };
        let (engine, store, handler) = start_with(handler, &[target]);
        publish(&engine, 2).await;
        let attempts = attempts_of(&store, target, 2).await;
        assert!(attempts.iter().all(|it| it.error_class.as_ref() == Some(&class)), "{attempts:?}");
        assert_eq!(handler.calls_to(target), 0);
    }
}

/// The attempts at the delivery to a target, once there are so many.
async fn attempts_of(store: &MemoryStore, target: &str, count: usize) -> Vec<AttemptRecord> {
    let query = DeliveryQuery { target: Some(target.into()), ..DeliveryQuery::default() };
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(found) = store.deliveries(query.clone()).await.unwrap().items.pop() else { continue };
        let attempts = store.attempts(found.delivery_id).await.unwrap();
        if attempts.len() >= count {
            return attempts;
        }
    }
}
