//! Jobs that make deliveries again: what they make, how fast, and what a kill leaves.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::json;

use super::{Bench, Scripted};
use crate::{
    Engine, EngineOptions, NewEvent,
    delivery::{Delivery, ErrorClass},
    event::{EventType, Seq},
    ports::{
        Clock, Delivered, EventHistory, HandlerError, HandlerPolicy, ReplayEnd, ReplayQuery, Replays,
        WebhookSubscriptions,
    },
    runtime::part_of_log,
    testkit::{MemoryStore, PausedClock, secret, subscription},
    webhooks::{HANDLER, Replay, ReplayId, ReplayKind, ReplayState, Status, Subscription},
};

fn start(store: &Arc<MemoryStore>, handler: &Arc<Scripted>) -> Bench {
    let options = EngineOptions { clock: Arc::new(PausedClock::new()), ..EngineOptions::default() };
    let builder = Engine::builder(store.clone(), store.clone()).options(options).stored_routes(store.clone());
    let engine = builder.replays(store.clone(), store.clone()).handler(handler.clone(), []).start();
    Bench { engine, store: store.clone() }
}

async fn made(store: &MemoryStore, subscription: Subscription) -> Subscription {
    assert!(store.create(subscription.clone(), secret(subscription.subscription_id)).await.unwrap());
    subscription
}

fn invoice(number: usize) -> NewEvent {
    let payload = json!({ "amount": number });
    NewEvent::new(EventType::from_static("invoice.created"), payload).organization("org_1")
}

/// Everything since ever, as fast as `rate`.
async fn begun(store: &MemoryStore, kind: ReplayKind, subscription: &Subscription, rate: u32) -> ReplayId {
    let (first, last) = part_of_log(store, Timestamp::UNIX_EPOCH).await.unwrap();
    let (first, last) = match kind {
        ReplayKind::Replay => (first.0, last.0),
        ReplayKind::Recover => (i64::MAX, 0),
    };
    let now = PausedClock::new().now();
    let replay = Replay {
        replay_id: ReplayId::random(),
        kind,
        organization_id: None,
        subscription_id: subscription.subscription_id,
        event_types: vec![],
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::MAX,
        rate,
        state: ReplayState::Running,
        reason: None,
        first,
        position: first,
        last,
        total: None,
        made: 0,
        created_by: "test".to_owned(),
        created_at: now,
        updated_at: now,
        ended_at: None,
    };
    assert!(store.start(replay.clone()).await.unwrap());
    replay.replay_id
}

async fn state(store: &MemoryStore, replay_id: ReplayId) -> Replay {
    store.replay(replay_id, None).await.unwrap().unwrap()
}

async fn ended(store: &MemoryStore, replay_id: ReplayId) -> Replay {
    loop {
        let replay = state(store, replay_id).await;
        if replay.state != ReplayState::Running {
            return replay;
        }
        tokio::time::sleep(Duration::from_millis(500)).await; // paused time
    }
}

fn number_of(delivery: &Delivery) -> usize {
    let payload = delivery.event.payload.to_value().unwrap();
    usize::try_from(payload["amount"].as_u64().unwrap()).unwrap()
}

fn delivered(handler: &Scripted) -> Vec<usize> {
    handler.calls().iter().flat_map(|call| &call.0).map(number_of).collect()
}

/// Refuses for good whatever comes while `down`, and has handled everything else.
fn failing(down: impl Fn(usize) -> bool + Send + Sync + 'static) -> Arc<Scripted> {
    let policy = HandlerPolicy { concurrency: 64, ..HandlerPolicy::default() };
    let tries = std::sync::Mutex::new(HashMap::<usize, u32>::new());
    Scripted::new(HANDLER, policy, move |delivery, _| {
        let number = number_of(delivery);
        let mut tries = tries.lock().unwrap();
        let before = tries.entry(number).or_default();
        *before += 1;
        if *before == 1 && down(number) {
            return Err(HandlerError::fail(ErrorClass::new("http_5xx"), "down"));
        }
        Ok(Delivered::status(200))
    })
}

/// Three of four failed: all of these come again, each once, and no other.
#[tokio::test(start_paused = true)]
async fn a_recovery_brings_1500_of_2000_back() {
    let (store, handler) = (Arc::new(MemoryStore::new()), failing(|number| number % 4 != 0));
    let bench = start(&store, &handler);
    let it = made(&store, subscription("org_1").build()).await;
    bench.engine.publisher().publish_all((0..2_000).map(invoice).collect()).await.unwrap();
    bench.settled().await;
    assert_eq!(delivered(&handler).len(), 2_000);
    let replay_id = begun(&store, ReplayKind::Recover, &it, 1_000).await;
    let replay = ended(&store, replay_id).await;
    assert_eq!((replay.state, replay.made), (ReplayState::Done, 1_500));
    bench.settled().await;
    let again: Vec<usize> = delivered(&handler).split_off(2_000);
    let expected: HashSet<usize> = (0..2_000).filter(|number| number % 4 != 0).collect();
    assert_eq!((again.len(), again.into_iter().collect::<HashSet<_>>()), (1_500, expected));
}

/// A process is killed in the middle and another goes on: nothing is lost, nothing is made twice.
#[tokio::test(start_paused = true)]
async fn a_job_whose_process_was_killed_goes_on_where_it_was() {
    let (store, handler) = (Arc::new(MemoryStore::new()), failing(|_| true));
    let bench = start(&store, &handler);
    let it = made(&store, subscription("org_1").build()).await;
    for number in 0..50 {
        bench.publish(invoice(number)).await;
    }
    bench.settled().await;
    let recover = begun(&store, ReplayKind::Recover, &it, 7).await;
    let replay = begun(&store, ReplayKind::Replay, &it, 9).await;
    for processes in 0..4 {
        let bench = start(&store, &handler);
        tokio::time::sleep(Duration::from_millis(900)).await;
        // Its tasks end wherever they are.
        bench.engine.shut_down(Duration::ZERO).await;
        assert!(state(&store, recover).await.made >= processes * 7, "the others go on");
    }
    assert_eq!((ended(&store, recover).await.made, ended(&store, replay).await.made), (50, 50));
    bench.settled().await;
    let mut times = HashMap::<usize, u32>::new();
    delivered(&handler).into_iter().for_each(|number| *times.entry(number).or_default() += 1);
    assert!((0..50).all(|number| times[&number] == 3), "once, recovered, replayed: {times:?}");
}

/// Events older than the subscription are replayed to it, oldest first: those that it asks for now.
#[tokio::test(start_paused = true)]
async fn a_replay_delivers_past_events_to_a_new_subscription() {
    let (store, handler) = (Arc::new(MemoryStore::new()), failing(|_| false));
    let bench = start(&store, &handler);
    for number in 0..20 {
        bench.publish(invoice(number)).await;
        bench.publish(invoice(number).organization("org_2")).await;
        bench.publish(NewEvent::new(EventType::from_static("invoice.paid"), json!({ "amount": 99 }))).await;
    }
    bench.settled().await;
    assert_eq!(delivered(&handler), [] as [usize; 0]);
    let filter = r#"{"field": "payload.amount", "gte": 15}"#;
    let it = made(&store, subscription("org_1").events(&["invoice.created"]).filter(filter).build()).await;
    let replay_id = begun(&store, ReplayKind::Replay, &it, 100).await;
    let replay = ended(&store, replay_id).await;
    assert_eq!((replay.state, replay.made, replay.progress()), (ReplayState::Done, 5, 1.0));
    bench.settled().await;
    assert_eq!(delivered(&handler), [15, 16, 17, 18, 19]);
}

/// No more than its rate in a second.
#[tokio::test(start_paused = true)]
async fn a_job_keeps_to_its_rate_and_can_be_cancelled() {
    let (store, handler) = (Arc::new(MemoryStore::new()), failing(|_| true));
    let bench = start(&store, &handler);
    let it = made(&store, subscription("org_1").build()).await;
    for number in 0..30 {
        bench.publish(invoice(number)).await;
    }
    bench.settled().await;
    let replay_id = begun(&store, ReplayKind::Recover, &it, 3).await;
    tokio::time::sleep(Duration::from_millis(4_500)).await; // paused time: four or five ticks
    let so_far = state(&store, replay_id).await.made;
    assert!((12..=15).contains(&so_far), "{so_far}");
    let end = ReplayEnd { state: ReplayState::Cancelled, reason: None, at: PausedClock::new().now() };
    store.end(replay_id, None, end).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await; // paused time
    assert_eq!(state(&store, replay_id).await.made, so_far);
}

#[tokio::test(start_paused = true)]
async fn a_job_fails_when_its_subscription_gets_no_deliveries() {
    let (store, handler) = (Arc::new(MemoryStore::new()), failing(|_| true));
    let _bench = start(&store, &handler);
    let off = Status::Disabled { reason: "by hand".to_owned(), at: Timestamp::UNIX_EPOCH };
    let off = made(&store, subscription("org_1").status(off).build()).await;
    let gone = subscription("org_1").build();
    for it in [&off, &gone] {
        let replay_id = begun(&store, ReplayKind::Recover, it, 3).await;
        let replay = ended(&store, replay_id).await;
        assert_eq!((replay.state, replay.made), (ReplayState::Failed, 0));
        assert!(replay.reason.unwrap().starts_with("the subscription gets no deliveries"));
    }
    assert_eq!(store.replays(ReplayQuery::default()).await.unwrap().items.len(), 2);
}

/// The place in the log before which everything is older is found, whatever the log.
#[tokio::test(start_paused = true)]
async fn the_part_of_the_log_since_a_time_is_found() {
    let store = Arc::new(MemoryStore::new());
    assert_eq!(part_of_log(&*store, Timestamp::UNIX_EPOCH).await.unwrap(), (Seq(0), Seq(0)));
    let bench = start(&store, &failing(|_| false));
    let mut times = Vec::new();
    for number in 0..20 {
        bench.publish(invoice(number)).await;
        tokio::time::sleep(Duration::from_secs(600)).await; // paused time
    }
    for stored in store.scan(Seq::START, 100).await.unwrap() {
        times.push((stored.seq, stored.event.created_at));
    }
    for (seq, created_at) in times {
        assert_eq!(part_of_log(&*store, created_at).await.unwrap(), (Seq(seq.0 - 1), Seq(20)));
    }
    assert_eq!(part_of_log(&*store, Timestamp::MAX).await.unwrap(), (Seq(20), Seq(20)));
}
