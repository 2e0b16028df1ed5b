//! Webhooks through the real server: to endpoints that behave and to those that do not.

mod addresses;
mod answers;
mod changes;
mod failures;
mod floods;
mod hostile;
mod kills;
mod organizations;
mod paging;
mod recovery;
mod resending;
mod schedules;
mod secrets;

use events_tests::{Answer, Api, Deployment, Endpoint, PATIENCE, Size, eventually};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";
/// Lets the server call this machine.
const CONFIGURATION: &str = "[webhooks]\nallow_http = true\nallow_networks = \"127.0.0.0/8\"\n";
/// The key that several processes share.
const KEYS: &str = "1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// A system that may call this machine, with further environment variables.
async fn system(size: &Size, further: &[(&str, &str)]) -> Deployment {
    let own = [("EVENTS__WEBHOOKS__ALLOW_HTTP", "true"), ("EVENTS__WEBHOOKS__ALLOW_NETWORKS", "127.0.0.0/8")];
    bare_system(size, &[&own, further].concat()).await
}

/// A system that may call public addresses by https only, unless these environment variables say otherwise.
async fn bare_system(size: &Size, variables: &[(&str, &str)]) -> Deployment {
    Deployment::start(size, &[&[("EVENTS__WEBHOOKS__ENCRYPTION_KEYS", KEYS)], variables].concat()).await
}

/// Subscribes a path of an endpoint to a type, with two quick retries; answers the subscription with its secret.
async fn subscribe(api: &Api, endpoint: &Endpoint, path: &str, event_type: &str) -> Value {
    subscribe_url(api, &endpoint.url(path), event_type).await
}

async fn subscribe_url(api: &Api, url: &str, event_type: &str) -> Value {
    subscribe_with(api, json!({ "url": url, "events": [event_type] })).await
}

/// Subscribes with these fields, with quick retries unless they say otherwise.
async fn subscribe_with(api: &Api, fields: Value) -> Value {
    let mut body = json!({ "retry_seconds": [1, 1], "timeout_seconds": 1 });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let answer = api.post(SUBSCRIPTIONS, body.to_string()).await;
    assert_eq!(answer.status, 201, "{body}: {}", answer.body);
    answer.body
}

/// Publishes an event of a type.
async fn publish(api: &Api, event_type: &str, number: u64) {
    api.publish(&json!({ "event_type": event_type, "payload": { "n": number } })).await;
}

/// Publishes events of a type with these numbers.
async fn publish_all(api: &Api, event_type: &str, numbers: std::ops::Range<u64>) {
    let events: Vec<_> =
        numbers.map(|number| json!({ "event_type": event_type, "payload": { "n": number } })).collect();
    for call in events.chunks(500) {
        let answer = api.try_publish(&call.to_vec().into()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

/// The number of the event that a webhook tells of.
fn number(body: &[u8]) -> u64 {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["data"]["n"].as_u64().unwrap()
}

/// The path of a subscription, and what follows it.
fn path(subscription: &Value, rest: &str) -> String {
    format!("{SUBSCRIPTIONS}/{}{rest}", subscription["subscription_id"].as_str().unwrap())
}

/// A call that must succeed.
async fn call(api: &Api, method: Method, path: &str, body: &Value) -> Value {
    let Answer { status, body, .. } = api.send(method, path, body.to_string().into_bytes()).await.unwrap();
    assert!((200..300).contains(&status), "{path}: {status} {body}");
    body
}

async fn post(api: &Api, path: &str, body: &Value) -> Value {
    call(api, Method::POST, path, body).await
}

/// All deliveries of a subscription, newest first.
async fn deliveries(api: &Api, subscription: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut next = path(subscription, "/deliveries?limit=1000");
    loop {
        let mut page = api.get(&next).await;
        all.append(page["deliveries"].as_array_mut().unwrap());
        let Some(cursor) = page["next"].as_i64() else { return all };
        next = path(subscription, &format!("/deliveries?limit=1000&cursor={cursor}"));
    }
}

/// How many deliveries of a subscription have this status.
async fn count(api: &Api, subscription: &Value, status: &str) -> usize {
    deliveries(api, subscription).await.iter().filter(|delivery| delivery["status"] == status).count()
}

/// Waits until this many deliveries of a subscription have this status.
async fn all_are(api: &Api, subscription: &Value, status: &str, wanted: usize) {
    eventually(&format!("{wanted} deliveries to be {status}"), 2 * PATIENCE, async || {
        (count(api, subscription, status).await == wanted).then_some(())
    })
    .await;
}

/// The only delivery of a subscription with every try at it, once this holds of it.
async fn story(api: &Api, subscription: &Value, what: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    eventually(what, PATIENCE, async || {
        let listed = deliveries(api, subscription).await;
        assert!(listed.len() <= 1, "{listed:?}");
        let id = listed.first()?["delivery_id"].as_i64()?;
        Some(api.get(&format!("/api/v1/webhooks/deliveries/{id}")).await).filter(&is_there)
    })
    .await
}

/// The tries of a delivery.
fn tries(story: &Value) -> &[Value] {
    story["tries"].as_array().unwrap()
}

/// When something was, by a field of it.
fn time(of: &Value, field: &str) -> Timestamp {
    of[field].as_str().unwrap_or_else(|| panic!("no {field} in {of}")).parse().unwrap()
}
