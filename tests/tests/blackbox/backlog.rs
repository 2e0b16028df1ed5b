//! A restart in the middle of a backlog: all of it is processed, in the order of publishing.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use events_tests::{Api, Home, Receiver, Reply, Store, eventually, numbered, on_each_store};
use serde_json::Value;
use tokio::task::JoinSet;

on_each_store! {
    without_handlers_all_are_processed_after_a_kill,
    a_clean_restart_in_a_backlog_sends_each_event_once,
}

const CLIENTS: u64 = 5;
/// Events of each client, and how many of them go into one call.
const EVENTS: u64 = 1_000;
const CALL: usize = 50;
const CHANNELS: usize = 25;
const LIMIT: Duration = Duration::from_secs(60);

/// The events of a client, whose numbers grow; its channels are all.
fn of_client(client: u64) -> Vec<Value> {
    let event = |at: u64| {
        let mut event = numbered(usize::try_from(at).unwrap() % CHANNELS, client * EVENTS + at);
        event["actor"] = format!("client-{client}").into();
        event
    };
    (0..EVENTS).map(event).collect()
}

/// All clients publish at once, each one call after the other.
async fn publish(api: &Api) {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let api = api.clone();
        clients.spawn(async move {
            for call in of_client(client).chunks(CALL) {
                let answer = api.try_publish(&call.to_vec().into()).await.unwrap();
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
        });
    }
    clients.join_all().await;
}

/// The log holds everything once, and each client's events in the order it published them.
async fn assert_in_order(api: &Api) {
    let events = api.events().await;
    assert_eq!(events.len(), 5_000);
    assert!(events.is_sorted_by(|a, b| a["seq"].as_i64() < b["seq"].as_i64()));
    let mut by_client = HashMap::<&str, Vec<u64>>::new();
    for event in &events {
        let number = event["payload"]["n"].as_u64().unwrap();
        by_client.entry(event["actor"].as_str().unwrap()).or_default().push(number);
    }
    assert_eq!(by_client.len(), 5);
    assert!(by_client.values().all(|numbers| numbers.len() == 1_000 && numbers.is_sorted()));
}

async fn without_handlers_all_are_processed_after_a_kill(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    publish(&server.api()).await;
    let waiting = server.api().health().await["depth"]["unrouted"].clone();
    server.kill();

    let server = home.start().await;
    let started = Instant::now();
    server.api().all_processed(LIMIT).await;
    println!("{waiting} of 5000 events were not routed at the kill; all were {:?} after the start", started.elapsed());
    assert_in_order(&server.api()).await;
    assert!(server.api().deliveries("succeeded").await.is_empty());
}

async fn a_clean_restart_in_a_backlog_sends_each_event_once(store: Store) {
    let receiver = Receiver::start().await;
    let home = Home::on(&store, &receiver.slack(CHANNELS));
    let server = home.start().await;
    let started = Instant::now();
    publish(&server.api()).await;
    eventually("some messages", LIMIT, async || (receiver.ledger().accepted().len() > 500).then_some(())).await;
    receiver.answer_all(Reply::Hold);
    eventually("messages in flight", LIMIT, async || (receiver.ledger().unanswered() > 0).then_some(())).await;
    server.terminate();
    eventually("the server to notice", LIMIT, async || home.log().has("Stopping").then_some(())).await;
    receiver.answer_all(Reply::Ok);
    receiver.release();
    assert!(server.ended(LIMIT).await.success());
    let before = receiver.ledger().accepted().len();
    assert!(before < 5_000, "the restart came too late to be in the middle");

    let server = home.start().await;
    server.api().all_processed(LIMIT).await;
    let took = started.elapsed();
    assert_in_order(&server.api()).await;
    let ledger = receiver.ledger();
    assert_eq!(ledger.not_once(0..5_000), [], "each is told once");
    assert_eq!(server.api().deliveries("succeeded").await.len(), 5_000);
    println!("5000 events in {} messages in {took:?}; {before} were told before the restart, 0 twice", ledger.0.len());
}
