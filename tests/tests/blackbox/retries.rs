//! A receiver with a bad day: the message arrives later.

use std::time::Duration;

use events_tests::{Home, PATIENCE, Receiver, Reply, Store, eventually, numbered, on_each_store};

on_each_store! {
    a_failed_message_is_tried_again_and_arrives,
}

/// What Slack asks for with `Retry-After`.
const PAUSE: u32 = 2;

async fn a_failed_message_is_tried_again_and_arrives(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer_next("c0", [Reply::Status(500, "no luck", None)]);
    receiver.answer_next("c1", [Reply::Status(429, "slow down", Some(PAUSE))]);
    let home = Home::on(&store, &receiver.slack(3));
    let server = home.start().await;
    let api = server.api();

    for channel in 0..3 {
        api.publish(&numbered(channel, u64::try_from(channel).unwrap())).await;
    }
    let paused = eventually("the target to be paused", PATIENCE, async || {
        let targets = api.get("/api/v1/targets").await;
        targets["targets"].as_array().unwrap().iter().find(|target| target["target"] == "#c1").cloned()
    });
    assert!(paused.await["disabled_at"].is_null());
    let health = api.health().await;
    assert_eq!(health["status"], "healthy", "a pause is nothing to worry about: {health}");
    assert_eq!(health["targets"][0]["target"], "#c1");
    api.publish(&numbered(1, 10)).await;
    eventually("the other channel", PATIENCE, async || (receiver.ledger().of("c2").len() == 1).then_some(())).await;
    api.all_processed(PATIENCE).await;

    let outcomes = async |target: &str| {
        let all = api.deliveries("succeeded").await;
        let delivery = all.iter().rev().find(|delivery| delivery["target"] == target).unwrap().clone();
        let attempts = api.attempts(&delivery).await;
        let outcome = |attempt: &serde_json::Value| (attempt["outcome"].clone(), attempt["status"].clone());
        attempts.iter().map(outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("#c0").await, [("retry".into(), 500.into()), ("done".into(), 200.into())]);
    assert_eq!(outcomes("#c1").await, [("retry".into(), 429.into()), ("done".into(), 200.into())]);
    assert_eq!(outcomes("#c2").await, [("done".into(), 200.into())]);

    let ledger = receiver.ledger();
    assert!(ledger.accepted().values().all(|count| *count == 1), "each event was accepted once");
    let pauses: Vec<_> =
        ["c0", "c1"].map(|channel| ledger.of(channel)[1].at - ledger.of(channel)[0].at).into_iter().collect();
    assert!(pauses[1] >= Duration::from_secs(PAUSE.into()), "nothing was sent while the target paused: {pauses:?}");
    println!("after a 500 the next message went out in {:?}, after a 429 in {:?}", pauses[0], pauses[1]);
}
