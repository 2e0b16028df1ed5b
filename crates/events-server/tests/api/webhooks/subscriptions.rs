//! Making, reading, changing and deleting.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Endpoint, SUBSCRIPTIONS, path, server};
use crate::server::{answer, rows, text};

/// Everything that an owner may choose.
fn everything(url: &str) -> Value {
    json!({
        "url": url, "events": ["invoice.*", "user.signup"],
        "filter": { "and": [{ "field": "payload.amount", "gte": 100 }, { "not": { "field": "actor", "eq": "system" } }] },
        "description": "books", "headers": { "X-Api-Key": "value-of-the-header" },
        "retry_seconds": [1, 2.5, 60], "timeout_seconds": 7, "rate_limit": { "per_second": 3, "burst": 5 },
        "format": "cloudevents_binary", "signature": "v1a", "organization_id": "org_1",
    })
}

#[tokio::test]
async fn r291_a_url_and_a_list_of_events_make_a_subscription() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.post(SUBSCRIPTIONS, &json!({ "url": endpoint.url(), "events": ["invoice.created"] })).await;
    assert_eq!((made.status.as_u16(), made.headers["cache-control"].to_str().unwrap()), (201, "no-store"));
    assert_eq!(made.headers["location"].to_str().unwrap(), path(&made.body, ""));
    assert!(text(&made.body["secret"]).starts_with("whsec_"), "{}", made.text);
    let mut expected = made.body.clone();
    expected.as_object_mut().unwrap().remove("secret");
    let read = server.get(&path(&made.body, "")).await;
    assert_eq!((&read.body, read.headers["etag"].to_str().unwrap()), (&expected, "\"1\""));
    for (field, value) in [
        ("status", json!("enabled")),
        ("verified", json!(true)),
        ("format", json!("standard")),
        ("signature", json!("v1")),
        ("revision", json!(1)),
        ("headers", json!({})),
        ("description", json!("")),
    ] {
        assert_eq!(read.body[field], value, "{field}");
    }
}

#[tokio::test]
async fn everything_that_was_chosen_is_read_again_but_the_values_of_headers() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = everything(&endpoint.url());
    let made = server.subscribe(&request).await;
    assert!(text(&made["public_key"]).starts_with("whpk_") && made["secret"].is_null(), "{made}");
    let read = server.get(&path(&made, "")).await;
    for field in request.as_object().unwrap().keys().filter(|field| *field != "headers") {
        assert_eq!(read.body[field], request[field], "{field}");
    }
    assert_eq!(read.body["headers"], json!({ "x-api-key": "***" }));
}

#[tokio::test]
async fn a_change_leaves_alone_what_it_does_not_name_and_null_is_the_default() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&everything(&endpoint.url())).await;
    let before = server.get(&path(&made, "")).await.body;

    let changed = server.patch(&made, &json!({ "description": "archive", "events": ["*"] })).await;
    assert_eq!((changed.status.as_u16(), changed.headers["etag"].to_str().unwrap()), (200, "\"2\""));
    let mut expected = before.clone();
    (expected["description"], expected["events"], expected["revision"]) = (json!("archive"), json!(["*"]), json!(2));
    expected["updated_at"] = changed.body["updated_at"].clone();
    assert_eq!(changed.body, expected);

    let all = ["filter", "description", "headers", "retry_seconds", "timeout_seconds", "rate_limit", "format"];
    let nothing: Value = all.iter().map(|field| ((*field).to_owned(), Value::Null)).collect();
    let plain = server.patch(&made, &nothing).await.body;
    for (field, value) in [("headers", json!({})), ("description", json!("")), ("format", json!("standard"))] {
        assert_eq!(plain[field], value, "{field}");
    }
    for field in ["filter", "retry_seconds", "timeout_seconds", "rate_limit"] {
        assert_eq!(plain.get(field), None, "{field}");
    }
}

#[tokio::test]
async fn headers_are_changed_one_by_one_and_the_mask_changes_nothing() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let headers = json!({ "x-one": "1", "x-two": "2", "x-three": "3" });
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"], "headers": headers })).await;
    let changes = json!({ "headers": { "X-One": "***", "X-TWO": "new", "x-three": null, "x-four": "4" } });
    let changed = server.patch(&made, &changes).await;
    assert_eq!(changed.body["headers"], json!({ "x-one": "***", "x-two": "***", "x-four": "***" }), "{}", changed.text);
    server.act(&made, "test", &json!({})).await;
    let sent = endpoint.received(1).await.remove(0).headers;
    assert_eq!(
        (&sent["x-one"], &sent["x-two"], &sent["x-four"]),
        (&"1".parse().unwrap(), &"new".parse().unwrap(), &"4".parse().unwrap())
    );
    assert!(!sent.contains_key("x-three"));
}

#[tokio::test]
async fn a_change_is_made_to_the_revision_that_was_read_or_not_at_all() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    assert_eq!(server.patch(&made, &json!({ "description": "a", "revision": 1 })).await.status, 200);
    server.patch(&made, &json!({ "description": "b", "revision": 1 })).await.refused(409, "conflict", &[]);
    let with = |revision: &'static str| {
        let call = server.call(Method::PATCH, &path(&made, "")).json(&json!({ "description": "c" }));
        answer(call.header("if-match", revision))
    };
    with("\"1\"").await.refused(409, "conflict", &[]);
    with("soon").await.refused(422, "invalid", &["if-match"]);
    assert_eq!(with("\"2\"").await.body["revision"], 3);
    assert_eq!(with("*").await.body["revision"], 4);
    let both = server.call(Method::PATCH, &path(&made, "")).json(&json!({ "revision": 3 })).header("if-match", "4");
    answer(both).await.refused(422, "invalid", &["revision"]);
    assert_eq!(server.get(&path(&made, "")).await.body["description"], "c");
}

#[tokio::test]
async fn lists_are_read_page_by_page_newest_first() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let mut made = Vec::new();
    for number in 0..5 {
        let organization = if number == 2 { "org_2" } else { "org_1" };
        let request = json!({ "url": endpoint.url(), "events": ["*"], "tenant_id": organization });
        made.insert(0, server.subscribe(&request).await["subscription_id"].clone());
    }
    let first = server.get(&format!("{SUBSCRIPTIONS}?limit=2")).await;
    let second = server.get(&format!("{SUBSCRIPTIONS}?limit=3&cursor={}", first.body["next"])).await;
    let ids = [first.column("subscriptions", "subscription_id"), second.column("subscriptions", "subscription_id")];
    assert_eq!((ids.concat(), second.body.get("next")), (made, None));
    let one = server.get(&format!("{SUBSCRIPTIONS}?organizationId=org_2")).await;
    assert_eq!(rows(&one.body, "subscriptions").len(), 1);
    server.get(&format!("{SUBSCRIPTIONS}?status=failed")).await.refused(422, "invalid", &["status"]);
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    let delete = || answer(server.call(Method::DELETE, &path(&made, "")));
    let deleted = delete().await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    delete().await.refused(404, "not_found", &[]);
    server.get(&path(&made, "")).await.refused(404, "not_found", &[]);
    server.patch(&made, &json!({})).await.refused(404, "not_found", &[]);
}
