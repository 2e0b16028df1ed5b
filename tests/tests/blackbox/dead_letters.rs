//! A receiver that refuses for good: dead letters, a disabled target, and the way back.

use events_tests::{Api, Home, PATIENCE, Receiver, Reply, Store, eventually, numbered, on_each_store};
use serde_json::{Value, json};

on_each_store! {
    a_target_that_is_gone_is_disabled_and_redriven_after_it_recovers,
    a_restart_gives_a_disabled_target_another_try,
    a_message_that_cannot_be_filled_or_is_refused_dies_alone,
}

async fn dead_letters(api: &Api) -> Vec<Value> {
    api.get("/api/v1/dead-letters").await["dead_letters"].as_array().unwrap().clone()
}

async fn dead_letter(api: &Api, target: &str) -> Value {
    eventually("a dead letter", PATIENCE, async || {
        dead_letters(api).await.into_iter().find(|letter| letter["target"] == target)
    })
    .await
}

async fn a_target_that_is_gone_is_disabled_and_redriven_after_it_recovers(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer("c0", Reply::Status(404, "no_service", None));
    let home = Home::on(&store, &receiver.slack(2));
    let server = home.start().await;
    let api = server.api();

    api.publish(&numbered(0, 0)).await;
    let letter = dead_letter(&api, "#c0").await;
    assert_eq!(letter["reason_class"], "destination_down", "{letter}");
    assert!(letter["reason"].as_str().unwrap().contains("no_service"), "{letter}");
    let health = api.health().await;
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(health["targets"][0]["target"], "#c0", "{health}");
    assert!(health["targets"][0]["disabled_at"].is_string(), "{health}");

    // Others are unaffected; what comes for the disabled target waits.
    api.publish(&numbered(0, 1)).await;
    api.publish(&numbered(1, 2)).await;
    eventually("the other channel", PATIENCE, async || (receiver.ledger().of("c1").len() == 1).then_some(())).await;
    assert_eq!(receiver.ledger().of("c0").len(), 1, "nothing is sent to a disabled target");
    assert_eq!(api.deliveries("pending").await.len(), 1);

    receiver.answer("c0", Reply::Ok);
    let said = home.cli(&server, &["dead-letters", "redrive", "--target", "#c0"]).ok();
    assert_eq!(said, "1 on their way again\n");
    api.all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().accepted(), [(0, 1), (1, 1), (2, 1)].into());
    assert_eq!(dead_letters(&api).await, [] as [Value; 0]);
    assert_eq!(api.health().await["status"], "healthy");
    assert_eq!(api.deliveries("succeeded").await.len(), 3);
}

/// Whoever restarts the server may have mended the configuration.
async fn a_restart_gives_a_disabled_target_another_try(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer_next("c0", [Reply::Status(410, "channel_is_archived", None)]);
    let home = Home::on(&store, &receiver.slack(1));
    let server = home.start().await;
    server.api().publish(&numbered(0, 0)).await;
    dead_letter(&server.api(), "#c0").await;
    server.api().publish(&numbered(0, 1)).await;
    server.stop().await;
    assert_eq!(receiver.ledger().0.len(), 1);

    let server = home.start().await;
    server.api().all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().accepted(), [(1, 1)].into());
    assert_eq!(dead_letters(&server.api()).await.len(), 1, "what died stays dead until somebody redrives it");
}

async fn a_message_that_cannot_be_filled_or_is_refused_dies_alone(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer_next("c1", [Reply::Status(400, "invalid_payload", None)]);
    let home = Home::on(&store, &receiver.slack(2));
    let server = home.start().await;
    let api = server.api();

    api.publish(&json!({ "event_type": "test.c0", "payload": { "m": 1 } })).await;
    let letter = dead_letter(&api, "#c0").await;
    assert_eq!(letter["reason_class"], "template", "{letter}");
    assert!(letter["reason"].as_str().unwrap().contains("`n`"), "names the field: {letter}");
    assert!(receiver.ledger().of("c0").is_empty(), "nothing incomplete is sent");
    api.publish(&numbered(1, 0)).await;
    let letter = dead_letter(&api, "#c1").await;
    assert_eq!(letter["reason_class"], "message_refused", "{letter}");

    // The fault was the message's: the targets work on.
    api.publish(&numbered(0, 1)).await;
    api.publish(&numbered(1, 2)).await;
    api.all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().accepted(), [(1, 1), (2, 1)].into());
    assert_eq!(api.health().await["status"], "healthy");
}
