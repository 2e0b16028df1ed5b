//! Calls: held while a subscription is paused or disabled, tests, and challenges.

use serde_json::{Value, json};

use super::{Endpoint, invoice, path, server};
use crate::server::{Server, rows, text};

/// Waits until this many deliveries of a subscription wait, and its target rests.
async fn held(server: &Server, subscription: &Value, waiting: u64) {
    let target = subscription["subscription_id"].clone();
    let is_held = |state: &Value| state["target"] == target && state["waiting"] == waiting;
    server.until("/api/v1/targets", |body| rows(body, "targets").iter().any(is_held)).await;
}

#[tokio::test]
async fn what_a_paused_subscription_missed_is_sent_when_it_is_enabled() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    assert_eq!(server.act(&made, "pause", &json!({})).await.body["status"], "paused");
    for number in ["inv_1", "inv_2"] {
        server.publish(&invoice(number, "org_1")).await;
    }
    held(&server, &made, 2).await;
    assert!(endpoint.requests().is_empty());
    assert_eq!(server.act(&made, "enable", &json!({})).await.body["status"], "enabled");
    let mut numbers: Vec<_> =
        endpoint.received(2).await.iter().map(|it| it.body()["data"]["invoice_id"].clone()).collect();
    numbers.sort_by_key(ToString::to_string);
    assert_eq!(numbers, ["inv_1", "inv_2"]);
}

#[tokio::test]
async fn a_disabled_subscription_gets_no_deliveries_and_says_why() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    let disabled = server.act(&made, "disable", &json!({})).await.body;
    assert_eq!(
        (&disabled["status"], text(&disabled["disabled_reason"])),
        (&json!("disabled"), "disabled by its owner")
    );
    server.settled(&server.publish(&invoice("inv_1", "org_1")).await).await;
    assert!(rows(&server.get("/api/v1/deliveries").await.body, "deliveries").is_empty());
    let enabled = server.act(&made, "enable", &json!({})).await.body;
    assert_eq!((enabled.get("disabled_reason"), enabled.get("disabled_at")), (None, None));
    server.settled(&server.publish(&invoice("inv_2", "org_1")).await).await;
    assert_eq!(endpoint.received(1).await[0].body()["data"]["invoice_id"], "inv_2");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_disables_its_subscription_until_somebody_enables_it() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["invoice.*"] })).await;
    endpoint.now_says(410);
    server.publish(&invoice("inv_1", "org_1")).await;
    let disabled = server.until(&path(&made, ""), |body| body["status"] == "disabled").await;
    assert!(text(&disabled["disabled_reason"]).contains("410"), "{disabled}");
    endpoint.now_says(200);
    server.act(&made, "enable", &json!({})).await;
    server.settled(&server.publish(&invoice("inv_2", "org_1")).await).await;
    assert_eq!(endpoint.received(2).await[1].body()["data"]["invoice_id"], "inv_2");
}

#[tokio::test]
async fn a_test_is_sent_to_one_endpoint_and_answered_with_what_it_said() {
    let (server, endpoint, other) = (server().await, Endpoint::start().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["invoice.created"] })).await;
    server.subscribe(&json!({ "url": other.url(), "events": ["*"] })).await;
    let said = server.act(&made, "test", &json!({})).await.body;
    assert_eq!(
        (&said["succeeded"], &said["response"]["status"], &said["response"]["body"]),
        (&json!(true), &json!(200), &json!("thanks"))
    );
    assert!(said["times"]["total_ms"].is_number(), "{said}");
    assert_eq!(endpoint.received(1).await[0].body()["type"], "webhook.test");

    endpoint.now_says(503);
    let said = server.act(&made, "test", &json!({})).await.body;
    assert_eq!((&said["succeeded"], &said["error_class"]), (&json!(false), &json!("http_5xx")), "{said}");
    server.patch(&made, &json!({ "url": "http://127.0.0.1:1/" })).await;
    assert_eq!(server.act(&made, "test", &json!({})).await.body["error_class"], "connect");
    assert!(other.requests().is_empty() && rows(&server.get("/api/v1/events").await.body, "events").is_empty());
}

/// R294: a try keeps what was sent and what came back, without the values that are secret.
#[tokio::test]
async fn r294_a_try_shows_its_headers_and_times_and_no_secret() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = json!({ "url": endpoint.url(), "events": ["*"], "headers": { "x-api-key": "value-of-the-header" } });
    let made = server.subscribe(&request).await;
    server.settled(&server.publish(&invoice("inv_1", "org_1")).await).await;
    let deliveries = server.get("/api/v1/webhooks/deliveries").await.column("deliveries", "delivery_id");
    let story = server.get(&format!("/api/v1/webhooks/deliveries/{}", deliveries[0])).await;
    let attempt = &rows(&story.body, "tries")[0];
    let header = |of: &Value, list: &str, name: &str| {
        let found = rows(of, list).iter().find(|header| header["name"] == name);
        found.map(|header| text(&header["value"]).to_owned())
    };
    let sent = endpoint.received(1).await.remove(0).headers;
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "user-agent"] {
        let shown = header(attempt, "request_headers", name);
        assert_eq!(shown.as_deref(), Some(sent[name].to_str().unwrap()), "{name}: {}", story.text);
    }
    assert_eq!(sent["x-api-key"], "value-of-the-header");
    assert_eq!(header(attempt, "request_headers", "x-api-key").as_deref(), Some("***"), "{}", story.text);
    let secret = text(&made["secret"]);
    assert!(!story.text.contains("value-of-the-header") && !story.text.contains(secret), "{}", story.text);

    let response = &attempt["response"];
    assert_eq!((&response["status"], text(&response["body"])), (&json!(200), "thanks"), "{}", story.text);
    assert_eq!(header(response, "headers", "content-type").as_deref(), Some("text/plain; charset=utf-8"));
    let times = &attempt["times"];
    for (stage, took_part) in
        [("dns_ms", false), ("connect_ms", true), ("tls_ms", false), ("first_byte_ms", true), ("total_ms", true)]
    {
        assert_eq!(times[stage].is_number(), took_part, "{stage}: {}", story.text);
    }
}

#[tokio::test]
async fn an_endpoint_gets_nothing_before_it_has_answered_its_challenge() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"], "challenge": true })).await;
    assert_eq!((&made["verified"], &made["challenge"]["error_class"]), (&json!(false), &json!("challenge")), "{made}");
    server.settled(&server.publish(&invoice("inv_1", "org_1")).await).await;
    assert_eq!(endpoint.requests().len(), 1, "the challenge only");

    endpoint.now_echoes();
    let verified = server.act(&made, "verify", &json!({})).await.body;
    assert_eq!((&verified["verified"], &verified["challenge"]["succeeded"]), (&json!(true), &json!(true)));
    server.settled(&server.publish(&invoice("inv_2", "org_1")).await).await;
    let requests = endpoint.received(3).await;
    assert_eq!(requests[1].body()["type"], "webhook.challenge");
    assert_eq!(requests[2].body()["data"]["invoice_id"], "inv_2");
    let at_once = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"], "challenge": true })).await;
    assert_eq!(at_once["verified"], true);
}

/// What waits is sent to a new URL at once, so a verified endpoint is replaced by one that has answered, too.
#[tokio::test]
async fn a_new_url_of_a_verified_endpoint_answers_a_challenge_first() {
    let (server, old, new) = (server().await, Endpoint::start().await, Endpoint::start().await);
    old.now_echoes();
    let made = server.subscribe(&json!({ "url": old.url(), "events": ["*"], "challenge": true })).await;
    let change = json!({ "url": new.url() });
    let refused = server.patch(&made, &change).await;
    refused.refused(422, "invalid", &["url"]);
    assert!(refused.text.contains("challenge") && refused.text.contains("nothing was changed"), "{}", refused.text);
    let kept = server.get(&path(&made, "")).await.body;
    assert_eq!(
        (&kept["url"], &kept["verified"], &kept["revision"]),
        (&json!(old.url()), &json!(true), &made["revision"])
    );

    new.now_echoes();
    let changed = server.patch(&made, &change).await;
    assert_eq!((changed.status.as_u16(), &changed.body["verified"]), (200, &json!(true)), "{}", changed.text);
    server.settled(&server.publish(&invoice("inv_1", "org_1")).await).await;
    let sent = new.received(3).await;
    assert_eq!(sent[2].body()["data"]["invoice_id"], "inv_1");
    assert_eq!(server.patch(&made, &change).await.status, 200);
    assert_eq!((new.requests().len(), old.requests().len()), (3, 1), "the same URL is not asked again");
}

/// Who has not answered yet may move, and still has to answer; where no challenge was asked for, none is.
#[tokio::test]
async fn a_new_url_without_a_proof_to_replace_needs_none() {
    let (server, old, new) = (server().await, Endpoint::start().await, Endpoint::start().await);
    for (challenge, verified) in [(true, false), (false, true)] {
        let request = json!({ "url": old.url(), "events": ["*"], "challenge": challenge });
        let made = server.subscribe(&request).await;
        let changed = server.patch(&made, &json!({ "url": new.url() })).await;
        assert_eq!((changed.status.as_u16(), &changed.body["verified"]), (200, &json!(verified)), "{}", changed.text);
    }
    assert!(new.requests().is_empty());
}
