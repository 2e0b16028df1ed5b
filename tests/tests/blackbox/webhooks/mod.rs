//! Webhooks through the real server: to endpoints that behave and to those that do not.

mod answers;
mod kills;

use events_tests::{Api, Endpoint};
use serde_json::{Value, json};

/// Lets the server call this machine.
const CONFIGURATION: &str = "[webhooks]\nallow_http = true\nallow_networks = \"127.0.0.0/8\"\n";
/// The key that several processes share.
const KEYS: &str = "1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Subscribes a path of an endpoint to a type, with two quick retries; answers the subscription with its secret.
async fn subscribe(api: &Api, endpoint: &Endpoint, path: &str, event_type: &str) -> Value {
    subscribe_url(api, &endpoint.url(path), event_type).await
}

async fn subscribe_url(api: &Api, url: &str, event_type: &str) -> Value {
    let body = json!({ "url": url, "events": [event_type], "retry_seconds": [1, 1], "timeout_seconds": 1 });
    let answer = api.post("/api/v1/webhooks/subscriptions", body.to_string()).await;
    assert_eq!(answer.status, 201, "{url}: {}", answer.body);
    answer.body
}

/// Publishes an event of a type.
async fn publish(api: &Api, event_type: &str, number: u64) {
    api.publish(&json!({ "event_type": event_type, "payload": { "n": number } })).await;
}
