//! `kill -9` at any moment: what was acknowledged is there, once, and reaches its handler.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use events_tests::{Api, Home, Receiver, numbered};
use tokio::{sync::mpsc, task::JoinSet};

const ROUNDS: u64 = 100;
const PUBLISHERS: usize = 6;
const CHANNELS: usize = 20;
/// Acknowledgements before a kill, at most.
const MOST: u64 = 30;
/// A lease of the Slack handler (10 s and 15 s), the rescue scan (5 s), and a paced backlog.
const AFTERMATH: Duration = Duration::from_secs(60);

/// A publish and its answer: the number, and the id of the event.
type Acknowledged = (u64, String);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_event_is_lost_in_a_hundred_kills() {
    let started = Instant::now();
    let receiver = Receiver::start().await;
    let home = Home::new(&receiver.slack(CHANNELS));
    let numbers = Arc::new(AtomicU64::new(0));
    let mut acknowledged = BTreeMap::new();
    let (mut unanswered, mut stored_unanswered) = (Vec::new(), 0);

    for _ in 0..ROUNDS {
        let server = home.start().await;
        let before: Vec<Acknowledged> = acknowledged.clone().into_iter().rev().take(64).collect();
        assert_there(&server.api(), &before).await;
        stored_unanswered += retry(&server.api(), &mut unanswered, &mut acknowledged).await;

        let (sender, mut answers) = mpsc::unbounded_channel();
        let mut publishers = JoinSet::new();
        for _ in 0..PUBLISHERS {
            publishers.spawn(publish_until_killed(server.api(), numbers.clone(), sender.clone()));
        }
        drop(sender);
        for _ in 0..random(MOST) {
            acknowledged.extend(answers.recv().await);
        }
        // The moment of the fault is what varies here; nothing is awaited.
        tokio::time::sleep(Duration::from_micros(random(3_000))).await;
        server.kill();
        unanswered = publishers.join_all().await;
        while let Some(answer) = answers.recv().await {
            acknowledged.extend([answer]);
        }
    }
    let by_kills = acknowledged.len();

    let server = home.start().await;
    let api = server.api();
    stored_unanswered += retry(&api, &mut unanswered, &mut acknowledged).await;
    assert_there(&api, &acknowledged.clone().into_iter().collect::<Vec<_>>()).await;
    let waiting = Instant::now();
    api.all_processed(AFTERMATH).await;
    let waited = waiting.elapsed();

    let mut by_key = HashMap::<String, usize>::new();
    for event in api.events().await {
        *by_key.entry(event["idempotency_key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let published = usize::try_from(numbers.load(Relaxed)).unwrap();
    assert_eq!(by_key.len(), published, "every number was acknowledged or tried again");
    assert!(by_key.values().all(|count| *count == 1), "a key names one event");
    assert_eq!(api.deliveries("succeeded").await.len(), published);
    assert_eq!(api.deliveries("dead").await.len() + api.deliveries("dropped").await.len(), 0);
    let told = receiver.ledger().accepted();
    assert_eq!(told.len(), published, "everything was told");
    println!(
        "{ROUNDS} kills in {:?}: {published} events, {by_kills} acknowledged before the last restart, 0 lost; \
         {stored_unanswered} were stored without an answer and were found again by their key; \
         {} told more than once; processed {waited:?} after the last start",
        started.elapsed(),
        told.values().filter(|count| **count > 1).count(),
    );
}

/// Publishes until the server does not answer; answers the number whose fate is unknown.
async fn publish_until_killed(api: Api, numbers: Arc<AtomicU64>, answers: mpsc::UnboundedSender<Acknowledged>) -> u64 {
    loop {
        let number = numbers.fetch_add(1, Relaxed);
        let Ok(answer) = api.try_publish(&event(number)).await else { return number };
        assert_eq!(answer.status, 201, "{}", answer.body);
        let _ = answers.send((number, answer.body["event_id"].as_str().unwrap().to_owned()));
    }
}

/// Publishes again what got no answer; answers how many were stored all the same.
async fn retry(api: &Api, unanswered: &mut Vec<u64>, acknowledged: &mut BTreeMap<u64, String>) -> usize {
    let mut stored = 0;
    for number in unanswered.drain(..) {
        let answer = api.try_publish(&event(number)).await.unwrap();
        assert!([200, 201].contains(&answer.status), "{}", answer.body);
        stored += usize::from(answer.status == 200);
        acknowledged.insert(number, answer.body["event_id"].as_str().unwrap().to_owned());
    }
    stored
}

async fn assert_there(api: &Api, events: &[Acknowledged]) {
    for (number, id) in events {
        assert_eq!(api.get(&format!("/api/v1/events/{id}")).await["payload"]["n"], *number);
    }
}

fn event(number: u64) -> serde_json::Value {
    numbered(usize::try_from(number).unwrap() % CHANNELS, number)
}

/// A number below `bound`, another one each time.
fn random(bound: u64) -> u64 {
    RandomState::new().hash_one(0) % bound
}
