//! What is refused, and whether the refusal names the field.

use serde_json::{Value, json};

use super::{Endpoint, SUBSCRIPTIONS, server};
use crate::server::{Server, rows};

fn request() -> Value {
    json!({ "url": "http://127.0.0.1:9/", "events": ["*"] })
}

/// A field of a new subscription, a value that it cannot have, and the field that is named.
fn refused() -> Vec<(&'static str, Value, &'static str)> {
    let many = |count: usize, value: Value| Value::from(vec![value; count]);
    let nodes: Vec<_> = (0..50).map(|_| json!({ "field": "payload.a", "eq": 1 })).collect();
    vec![
        ("url", Value::Null, "url"),
        ("url", json!(7), "url"),
        ("url", json!(""), "url"),
        ("url", json!("example.com/hooks"), "url"),
        ("url", json!("ftp://example.com/"), "url"),
        ("url", json!("http://user:secretvalue@127.0.0.1/"), "url"),
        ("url", json!("http://127.0.0.1/#secretvalue"), "url"),
        ("url", json!("http://127.0.0.1:25/"), "url"),
        ("url", json!("http://10.0.0.1/"), "url"),
        ("url", json!("http://169.254.169.254/latest/meta-data"), "url"),
        ("url", json!("http://[::1]/"), "url"),
        ("url", json!("http://0xa9fea9fe/"), "url"),
        ("url", json!("http://no-such-name.invalid/"), "url"),
        ("url", json!(format!("http://127.0.0.1/{}", "x".repeat(2_048))), "url"),
        ("events", Value::Null, "events"),
        ("events", json!("*"), "events"),
        ("events", json!([]), "events"),
        ("events", json!(["*", 7]), "events[1]"),
        ("events", json!(["Invoice Created"]), "events[0]"),
        ("events", json!(["user.*", "*.created"]), "events[1]"),
        ("events", many(101, json!("*")), "events"),
        ("filter", json!("amount > 100"), "filter"),
        ("filter", json!({ "field": "payload.a" }), "filter"),
        ("filter", json!({ "and": [{ "field": "payload.a", "is": 1 }] }), "filter.and[0].is"),
        ("filter", json!({ "or": nodes }), "filter.or[49]"),
        ("description", json!(["x"]), "description"),
        ("description", json!("x".repeat(501)), "description"),
        ("description", json!("a\u{0}b"), "description"),
        ("headers", json!("x-api-key: secretvalue"), "headers"),
        ("headers", json!({ "host": "secretvalue" }), "headers.host"),
        ("headers", json!({ "webhook-id": "secretvalue" }), "headers.webhook-id"),
        ("headers", json!({ "x-a": 7 }), "headers.x-a"),
        ("headers", json!({ "x-a": "secretvalue\r\nx-b: 1" }), "headers.x-a"),
        ("headers", json!({ "x a": "secretvalue" }), "headers.x a"),
        ("headers", json!({ "x-a": "***" }), "headers.x-a"),
        ("headers", (0..17).map(|n| (format!("x-{n}"), json!("1"))).collect(), "headers"),
        ("retry_seconds", json!(5), "retry_seconds"),
        ("retry_seconds", json!([]), "retry_seconds"),
        ("retry_seconds", json!([5, "soon"]), "retry_seconds[1]"),
        ("retry_seconds", json!([5, 0.5]), "retry_seconds[1]"),
        ("retry_seconds", json!([86_401]), "retry_seconds[0]"),
        ("retry_seconds", many(31, json!(5)), "retry_seconds"),
        ("timeout_seconds", json!("10"), "timeout_seconds"),
        ("timeout_seconds", json!(0), "timeout_seconds"),
        ("timeout_seconds", json!(61), "timeout_seconds"),
        ("timeout_seconds", json!(-1), "timeout_seconds"),
        ("rate_limit", json!(5), "rate_limit"),
        ("rate_limit", json!({}), "rate_limit.per_second"),
        ("rate_limit", json!({ "per_second": 0 }), "rate_limit.per_second"),
        ("rate_limit", json!({ "per_second": 10_001 }), "rate_limit.per_second"),
        ("rate_limit", json!({ "per_second": 1, "burst": 0 }), "rate_limit.burst"),
        ("rate_limit", json!({ "per_second": 1, "burst": -1 }), "rate_limit.burst"),
        ("rate_limit", json!({ "per_minute": 1 }), "rate_limit.per_minute"),
        ("format", json!("xml"), "format"),
        ("signature", json!("v2"), "signature"),
        ("secret", json!("secretvalue"), "secret"),
        ("secret", json!("whsec_c2VjcmV0dmFsdWU="), "secret"),
        ("secret", json!("whsk_secretvalue"), "secret"),
        ("challenge", json!("yes"), "challenge"),
        ("organization_id", json!(""), "organization_id"),
        ("organization_id", json!("x".repeat(256)), "organization_id"),
        ("status", json!("disabled"), "status"),
        ("event", json!(["*"]), "event"),
    ]
}

#[tokio::test]
async fn each_refusal_names_its_field_and_repeats_no_value() {
    let server = server().await;
    for (field, value, named) in refused() {
        let mut request = request();
        request[field] = value;
        let answer = server.post(SUBSCRIPTIONS, &request).await;
        answer.refused(422, "invalid", &[named]);
        assert!(!answer.text.contains("secretvalue") && !answer.text.contains("c2VjcmV0"), "{}", answer.text);
    }
    assert!(rows(&server.get(SUBSCRIPTIONS).await.body, "subscriptions").is_empty());
}

/// What may be chosen is the same whether a subscription is made or changed, and a refused change changes nothing.
#[tokio::test]
async fn changes_are_held_to_the_same_bounds() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"], "description": "as it was" })).await;
    let only_new = ["signature", "secret", "challenge", "organization_id"];
    for (field, value, named) in refused() {
        let is_default = value.is_null() || named == "headers.x-a" && value["x-a"] == "***";
        if is_default && !["url", "events"].contains(&field) {
            continue;
        }
        let named = if only_new.contains(&field) { field } else { named };
        server.patch(&made, &json!({ "description": "changed", field: value })).await.refused(422, "invalid", &[named]);
    }
    let read = server.get(&super::path(&made, "")).await.body;
    assert_eq!((&read["description"], &read["revision"]), (&json!("as it was"), &json!(1)));
}

#[tokio::test]
async fn an_unknown_field_is_answered_with_the_known_ones() {
    let server = server().await;
    let mut wrong = request();
    wrong["timeout"] = json!(5);
    let answer = server.post(SUBSCRIPTIONS, &wrong).await;
    assert!(answer.text.contains("timeout_seconds, rate_limit"), "{}", answer.text);
    server.post(SUBSCRIPTIONS, &json!([])).await.refused(422, "invalid", &["body"]);
    let garbage = server.call(reqwest::Method::POST, SUBSCRIPTIONS).body("{\"url\":");
    crate::server::answer(garbage).await.refused(400, "bad_request", &[]);
}

#[tokio::test]
async fn http_and_this_machine_are_refused_unless_an_operator_allows_them() {
    let server = Server::start().await;
    let of = |url: &str| json!({ "url": url, "events": ["*"] });
    for url in ["http://8.8.8.8/", "https://127.0.0.1/", "https://localhost/", "https://2130706433/"] {
        let answer = server.post(SUBSCRIPTIONS, &of(url)).await;
        answer.refused(422, "invalid", &["url"]);
        assert!(answer.text.contains("operator"), "{}", answer.text);
    }
}

/// Whatever is repeated of a request is cut, so that nobody fills a log or a screen with it.
#[tokio::test]
async fn a_refusal_is_short_whatever_was_refused() {
    const SHORT: usize = 1_024;
    let (server, long) = (server().await, "x".repeat(5_000));
    let id = server.get(&format!("{SUBSCRIPTIONS}/{long}")).await;
    id.refused(404, "not_found", &[]);
    let word = server.get(&format!("/api/v1/webhooks/deliveries?status={long}")).await;
    word.refused(422, "invalid", &["status"]);
    let mut named = request();
    named["headers"] = json!({ long: "\n" });
    let name = server.post(SUBSCRIPTIONS, &named).await;
    assert_eq!(name.status, 422);
    let mut chosen = request();
    chosen["format"] = json!("whsec_secretvalue");
    let format = server.post(SUBSCRIPTIONS, &chosen).await;
    format.refused(422, "invalid", &["format"]);
    assert!(format.text.contains("cloudevents_binary") && !format.text.contains("secretvalue"), "{}", format.text);
    for answer in [id, word, name, format] {
        assert!(answer.text.len() <= SHORT, "{} bytes: {}", answer.text.len(), answer.text);
    }
}
