//! Secrets: shown once, rotated, revealed, and nowhere else.

use events_webhooks::signature::{PublicKey, Secret, VerifyingKey, verify};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Endpoint, SUBSCRIPTIONS, endpoint::Request, path, server};
use crate::server::{rows, text};

fn secret(value: &Value) -> VerifyingKey {
    VerifyingKey::Symmetric(Secret::parse(&text(value).into()).unwrap())
}

fn public(value: &Value) -> VerifyingKey {
    VerifyingKey::Public(PublicKey::parse(text(value)).unwrap())
}

fn is_signed(request: &Request, key: &VerifyingKey) -> bool {
    verify(key, &request.headers, request.text.as_bytes(), Timestamp::now()).is_ok()
}

#[tokio::test]
async fn a_secret_and_the_values_of_headers_are_in_no_other_answer() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = json!({ "url": endpoint.url(), "events": ["*"], "headers": { "x-api-key": "value-of-the-header" } });
    let made = server.post(SUBSCRIPTIONS, &request).await;
    assert!(!made.text.contains("value-of-the-header"));
    let shown = text(&made.body["secret"]).to_owned();
    assert!(shown.starts_with("whsec_"));
    let event = server.publish(&super::invoice("inv_1", "org_1")).await;
    server.settled(&event).await;
    let explain = json!({ "event_id": event["event_id"] });
    let answers = [
        server.get(SUBSCRIPTIONS).await,
        server.get(&path(&made.body, "")).await,
        server.patch(&made.body, &json!({ "headers": { "x-b": "value-of-the-header" } })).await,
        server.act(&made.body, "pause", &json!({})).await,
        server.act(&made.body, "disable", &json!({})).await,
        server.act(&made.body, "enable", &json!({})).await,
        server.act(&made.body, "test", &json!({})).await,
        server.act(&made.body, "verify", &json!({})).await,
        server.act(&made.body, "explain", &explain).await,
        server.get(&path(&made.body, "public-keys")).await,
        server.get("/api/v1/deliveries").await,
        server.get(&format!("/api/v1/events/{}", text(&event["event_id"]))).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains(&shown) && !answer.text.contains("value-of-the-header"), "{}", answer.text);
    }
    let revealed = server.act(&made.body, "secret", &json!({})).await;
    assert_eq!((text(&revealed.body["secret"]), text(&revealed.body["signature"])), (&*shown, "v1"));
    assert_eq!(revealed.headers["cache-control"], "no-store");
    let reader = server.key(&["read"], None).await;
    server.post_as(&reader, &path(&made.body, "secret"), &json!({})).await.refused(403, "forbidden", &[]);
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign_and_afterwards_the_new_one() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    let second = server.act(&made, "rotate", &json!({})).await;
    assert_eq!((second.status.as_u16(), second.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    let lasts: Timestamp = text(&second.body["old_expires_at"]).parse().unwrap();
    let day = lasts.duration_since(Timestamp::now()).as_secs();
    assert!((86_000..=86_400).contains(&day), "{day}");
    server.act(&made, "test", &json!({})).await;
    let given = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let third = server.act(&made, "rotate", &json!({ "secret": given, "grace_seconds": 0 })).await;
    assert_eq!(third.body["secret"], given);
    server.act(&made, "test", &json!({})).await;

    let requests = endpoint.received(2).await;
    let [first, second, third] = [&made, &second.body, &third.body].map(|answer| secret(&answer["secret"]));
    assert_eq!([&first, &second].map(|key| is_signed(&requests[0], key)), [true, true]);
    assert_eq!([&first, &second, &third].map(|key| is_signed(&requests[1], key)), [false, false, true]);
}

#[tokio::test]
async fn a_rotation_changes_the_scheme_and_public_keys_are_served() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    assert!(rows(&server.get(&path(&made, "public-keys")).await.body, "public_keys").is_empty());
    let rotated = server.act(&made, "rotate", &json!({ "signature": "v1a" })).await.body;
    assert!(rotated["secret"].is_null() && rotated["signature"] == "v1a", "{rotated}");
    let keys = server.get(&path(&made, "public-keys")).await;
    assert_eq!(keys.column("public_keys", "public_key"), [rotated["public_key"].clone()]);
    assert_eq!(server.get(&path(&made, "")).await.body["signature"], "v1a");
    let private = server.act(&made, "secret", &json!({})).await.body;
    assert!(text(&private["secret"]).starts_with("whsk_"), "{private}");

    server.act(&made, "test", &json!({})).await;
    let request = endpoint.received(1).await.remove(0);
    assert!(is_signed(&request, &public(&rotated["public_key"])) && is_signed(&request, &secret(&made["secret"])));
}

#[tokio::test]
async fn a_rotation_that_would_mean_nothing_is_refused() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    for (body, named) in [
        (json!({ "grace_seconds": 604_801 }), "grace_seconds"),
        (json!({ "grace_seconds": -1 }), "grace_seconds"),
        (json!({ "secret": "whsec_dG9vIHNob3J0" }), "secret"),
        (json!({ "signature": "hmac" }), "signature"),
        (json!({ "signature": "v1a", "secret": made["secret"] }), "secret"),
        (json!({ "grace": 5 }), "grace"),
    ] {
        let answer = server.act(&made, "rotate", &body).await;
        answer.refused(422, "invalid", &[named]);
        assert!(!answer.text.contains(text(&made["secret"])), "{}", answer.text);
    }
    assert_eq!(server.act(&made, "secret", &json!({})).await.body["secret"], made["secret"]);
    assert_eq!(server.get(&path(&made, "")).await.body["revision"], 1);
}
