//! Sending one delivery again: one that is dead, that has succeeded, that waits, and that is under way.

use events_tests::{Api, Conduct, Endpoint, PATIENCE, Size, eventually, on_each_size};
use serde_json::{Value, json};

use super::{all_are, deliveries, post, publish, subscribe_with, system};

on_each_size! {
    each_delivery_comes_again_as_its_state_wants_it,
}

async fn resend(api: &Api, delivery: &Value) -> Value {
    post(api, &format!("/api/v1/webhooks/deliveries/{}/resend", delivery["delivery_id"]), &json!({})).await
}

async fn each_delivery_comes_again_as_its_state_wants_it(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    let well = Conduct::status(200, "");
    endpoint.answer("/dead", [Conduct::status(404, ""), Conduct::status(404, ""), well.clone()]);
    endpoint.answer("/waiting", [Conduct::status(404, ""), well.clone()]);
    endpoint.answer("/under_way", [Conduct::Silence]);
    let mut subscriptions = Vec::new();
    // A retry after an hour comes in this test because it is asked for, or not at all.
    for (name, retry, timeout) in [("dead", 1, 1), ("well", 1, 1), ("waiting", 3_600, 1), ("under_way", 3_600, 20)] {
        let fields = json!({
            "url": endpoint.url(&format!("/{name}")), "events": [format!("test.{name}")],
            "retry_seconds": [retry], "timeout_seconds": timeout,
        });
        subscriptions.push(subscribe_with(&api, fields).await);
        publish(&api, &format!("test.{name}"), 1).await;
    }
    let [dead, succeeded, waiting, under_way] = &subscriptions[..] else { unreachable!() };

    all_are(&api, dead, "dead", 1).await;
    let before = deliveries(&api, dead).await.remove(0);
    let resent = resend(&api, &before).await;
    assert_eq!((&resent["outcome"], &resent["delivery_id"]), (&json!("redriven"), &before["delivery_id"]));
    all_are(&api, dead, "succeeded", 1).await;

    all_are(&api, succeeded, "succeeded", 1).await;
    let before = deliveries(&api, succeeded).await.remove(0);
    let resent = resend(&api, &before).await;
    assert_eq!(resent["outcome"], "made_anew");
    assert_ne!(resent["delivery_id"], before["delivery_id"]);
    all_are(&api, succeeded, "succeeded", 2).await;

    all_are(&api, waiting, "failed", 1).await;
    let before = deliveries(&api, waiting).await.remove(0);
    let resent = resend(&api, &before).await;
    assert_eq!((&resent["outcome"], &resent["delivery_id"]), (&json!("made_due"), &before["delivery_id"]));
    all_are(&api, waiting, "succeeded", 1).await;

    eventually("a call to be under way", PATIENCE, async || (endpoint.calls("/under_way").len() == 1).then_some(()))
        .await;
    let before = deliveries(&api, under_way).await.remove(0);
    assert_eq!(resend(&api, &before).await["outcome"], "under_way");

    for (name, calls) in [("dead", 3), ("well", 2), ("waiting", 2), ("under_way", 1)] {
        let made = endpoint.calls(&format!("/{name}"));
        assert_eq!(made.len(), calls, "{name}");
        let same = made.iter().all(|call| call.headers["webhook-id"] == made[0].headers["webhook-id"]);
        assert!(same, "{name}: an event keeps its webhook-id, however often it is sent");
    }
    println!("dead: redriven; succeeded: made anew; waiting: made due; under way: left alone");
}
