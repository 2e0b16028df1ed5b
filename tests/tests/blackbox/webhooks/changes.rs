//! Subscriptions that change while deliveries wait: another URL, a deletion, a pause.

use std::time::{Duration, Instant};

use events_tests::{Conduct, Endpoint, PATIENCE, Size, eventually, on_each_size};
use reqwest::Method;
use serde_json::{Value, json};

use super::{all_are, call, count, deliveries, number, path, post, publish_all, subscribe_with, system, tries};

on_each_size! {
    retries_go_to_the_new_url,
    what_waits_for_a_deleted_subscription_is_never_sent,
    a_pause_holds_deliveries_and_enabling_sends_each_once,
}

const EVENTS: u64 = 20;
/// How long a process may go by what it knew of an endpoint.
const KNOWN: Duration = Duration::from_secs(1);

async fn retries_go_to_the_new_url(size: Size) {
    let (old, new) = (Endpoint::start().await, Endpoint::start().await);
    let system = system(&size, &[]).await;
    let api = system.api();
    old.answer("/", [Conduct::status(500, "")]);
    let fields = json!({ "url": old.url("/"), "events": ["test.moving"], "retry_seconds": [3, 3, 3] });
    let subscription = subscribe_with(&api, fields).await;
    publish_all(&api, "test.moving", 0..EVENTS).await;
    // The first five failures are enough for the endpoint to be left alone for a while.
    eventually("the old URL to fail", PATIENCE, async || (old.calls("/").len() >= 5).then_some(())).await;
    call(&api, Method::PATCH, &path(&subscription, ""), &json!({ "url": new.url("/") })).await;
    let changed = Instant::now();
    all_are(&api, &subscription, "succeeded", usize::try_from(EVENTS).unwrap()).await;
    let took = changed.elapsed();

    let late = old.calls("/").iter().filter(|call| call.at > changed + KNOWN).count();
    assert_eq!(late, 0, "calls to the old URL");
    let mut arrived: Vec<_> = new.calls("/").iter().map(|call| number(&call.body)).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, Vec::from_iter(0..EVENTS));
    let failed = old.calls("/");
    for call in new.calls("/") {
        let earlier = failed.iter().find(|earlier| earlier.body == call.body);
        assert!(earlier.is_none_or(|earlier| earlier.headers["webhook-id"] == call.headers["webhook-id"]));
    }
    println!("{EVENTS} events at the new URL {took:?} after the change, {} calls to the old one", failed.len());
}

async fn what_waits_for_a_deleted_subscription_is_never_sent(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    endpoint.answer("/", [Conduct::status(404, "")]);
    let fields = json!({ "url": endpoint.url("/"), "events": ["test.leaving"], "retry_seconds": [3, 3] });
    let subscription = subscribe_with(&api, fields).await;
    publish_all(&api, "test.leaving", 0..EVENTS).await;
    let wanted = usize::try_from(EVENTS).unwrap();
    all_are(&api, &subscription, "failed", wanted).await;
    let waiting = deliveries(&api, &subscription).await;
    call(&api, Method::DELETE, &path(&subscription, ""), &Value::Null).await;
    api.all_processed(PATIENCE).await;

    assert_eq!(endpoint.calls("/").len(), wanted, "no call after the deletion");
    for delivery in waiting {
        let story = api.get(&format!("/api/v1/webhooks/deliveries/{}", delivery["delivery_id"])).await;
        assert_eq!(story["status"], "dropped", "{story}");
        let outcomes: Vec<_> = tries(&story).iter().map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["retry", "dropped"], "what was tried stays readable");
        assert!(story.to_string().contains("the subscription was deleted"), "{story}");
    }
    for gone in ["", "/deliveries"] {
        let answer = api.send(Method::GET, &path(&subscription, gone), Vec::new()).await.unwrap();
        assert_eq!(answer.status, 404, "{gone}");
    }
    println!("{EVENTS} retries of a deleted subscription dropped, 0 sent");
}

async fn a_pause_holds_deliveries_and_enabling_sends_each_once(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    endpoint.answer("/", [Conduct::status(404, "")]);
    let fields = json!({ "url": endpoint.url("/"), "events": ["test.pausing"], "retry_seconds": [2, 2, 2] });
    let subscription = subscribe_with(&api, fields).await;
    // A neighbour whose retries are due later.
    let later = json!({ "url": endpoint.url("/beside"), "events": ["test.pausing"], "retry_seconds": [4] });
    let beside = subscribe_with(&api, later).await;
    endpoint.answer("/beside", [Conduct::status(404, "")]);
    publish_all(&api, "test.pausing", 0..EVENTS).await;
    let half = usize::try_from(EVENTS).unwrap();
    all_are(&api, &subscription, "failed", half).await;
    all_are(&api, &beside, "failed", half).await;
    let paused = post(&api, &path(&subscription, "/pause"), &json!({})).await;
    assert_eq!(paused["status"], "paused");
    let at = Instant::now();
    endpoint.answer("/", [Conduct::status(200, "")]);
    endpoint.answer("/beside", [Conduct::status(200, "")]);
    publish_all(&api, "test.pausing", EVENTS..2 * EVENTS).await;
    // When the neighbour has been sent all of it, it has long been time for the retries of the paused one.
    all_are(&api, &beside, "succeeded", 2 * half).await;
    let after_pause = endpoint.calls("/").iter().filter(|call| call.at > at + KNOWN).count();
    assert_eq!((after_pause, count(&api, &subscription, "succeeded").await), (0, 0));

    let enabling = Instant::now();
    post(&api, &path(&subscription, "/enable"), &json!({})).await;
    all_are(&api, &subscription, "succeeded", 2 * half).await;
    let took = enabling.elapsed();
    let mut arrived: Vec<_> = endpoint.calls("/").iter().skip(half).map(|call| number(&call.body)).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, Vec::from_iter(0..2 * EVENTS));
    println!("{} held deliveries sent {took:?} after the pause, each once", 2 * half);
}
