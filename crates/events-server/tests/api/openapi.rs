//! The OpenAPI document: it describes what the server really answers.

use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Says},
    server::{Answer, Server, rows, signup, text},
    webhooks::{SUBSCRIPTIONS, path},
};

/// The document, and what was found in answers that it does not describe.
struct Checker {
    document: Value,
    faults: Vec<String>,
}

impl Checker {
    /// Holds an answer against the schema of its route and status.
    fn check(&mut self, method: &str, path: &str, answer: &Answer) {
        let place = format!("{method} {path} {}", answer.status.as_u16());
        let response = &self.document["paths"][path][method]["responses"][answer.status.as_str()];
        let Some(content) = response["content"].as_object() else {
            self.faults.push(format!("{place} is not described"));
            return;
        };
        let schemas: Vec<_> = content.values().map(|content| content["schema"].clone()).collect();
        schemas.iter().for_each(|schema| self.hold(&place, schema, &answer.body));
    }

    fn hold(&mut self, place: &str, schema: &Value, value: &Value) {
        let choices = rows(self.resolved(schema), "oneOf").to_vec();
        let choices: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").collect();
        if let Some(last) = choices.last() {
            let before = self.faults.len();
            for choice in &choices {
                self.faults.truncate(before);
                self.hold(place, choice, value);
                if self.faults.len() == before || choice == last {
                    return;
                }
            }
        }
        match value {
            Value::Array(items) => {
                let schema = self.resolved(schema)["items"].clone();
                items.iter().for_each(|item| self.hold(&format!("{place}[]"), &schema, item));
            }
            Value::Object(members) => {
                let (properties, required, open) = self.shape(schema);
                for (name, member) in members {
                    match properties.get(name) {
                        Some(schema) => self.hold(&format!("{place}.{name}"), schema, member),
                        None if open => {}
                        None => self.faults.push(format!("{place}.{name} is not described")),
                    }
                }
                let missing = required.iter().filter(|name| !members.contains_key(*name));
                self.faults.extend(missing.map(|name| format!("{place}.{name} is required and missing")));
            }
            _ => {}
        }
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                self.document.pointer(reference.trim_start_matches('#')).expect("references lead somewhere")
            }
            None => schema,
        }
    }

    /// The properties of an object, those required, and whether it may have any others.
    fn shape(&self, schema: &Value) -> (serde_json::Map<String, Value>, Vec<String>, bool) {
        let schema = self.resolved(schema);
        let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
        let mut required: Vec<_> = rows(schema, "required").iter().map(|name| text(name).to_owned()).collect();
        let parts: Vec<_> = rows(schema, "allOf").iter().collect();
        let mut open = properties.is_empty() && parts.is_empty();
        for part in parts {
            let (more, needed, is_open) = self.shape(part);
            properties.extend(more);
            required.extend(needed);
            open |= is_open;
        }
        // A part that may be absent: its properties are described, and none is required.
        for part in rows(schema, "oneOf").iter().filter(|part| part["type"] != "null") {
            properties.extend(self.shape(part).0);
            open = false;
        }
        (properties, required, open)
    }
}

#[tokio::test]
async fn real_answers_are_described() {
    let slack = Receiver::start(Says::Gone).await;
    let server = Server::with_slack(&slack).await;
    let document = server.get("/openapi.json").await.body;
    assert!(text(&document["openapi"]).starts_with("3."), "{document}");
    let mut checker = Checker { document, faults: Vec::new() };

    let mut full = signup("alice", Some("org_1"));
    full["idempotency_key"] = json!("k");
    full["metadata"] = json!({ "ip_address": "::1", "trace_parent": "00-a-b-01", "causation_id": "0198c5f1-7a3e-7c52-9d6e-0a1b2c3d4e5f", "causation_depth": 1 });
    let published = server.post("/api/v1/events", &full).await;
    checker.check("post", "/api/v1/events", &published);
    server.settled(&published.body).await;
    let mut conflict = signup("bob", Some("org_1"));
    conflict["idempotency_key"] = json!("k");
    let calls = [
        ("/api/v1/events", json!([full, conflict, signup("carol", None)])),
        ("/api/v1/events", full.clone()),
        ("/api/v1/events", conflict.clone()),
        ("/api/v1/events", json!({})),
        ("/api/v1/keys", json!({ "name": "x", "scopes": ["read"], "organization_id": "org_1" })),
        ("/api/v1/dead-letters/redrive", json!({ "handler": "email" })),
        ("/api/v1/targets/resume", json!({ "handler": "email" })),
    ];
    for (path, body) in &calls {
        checker.check("post", path, &server.post(path, body).await);
    }
    let event = server.get(&format!("/api/v1/events/{}", text(&published.body["event_id"]))).await;
    let delivery = rows(&event.body, "deliveries")[0]["delivery_id"].clone();
    checker.check("get", "/api/v1/events/{event_id}", &event);
    let reads = [
        ("/api/v1/events", "?limit=1"),
        ("/api/v1/events/timeline", "?limit=1"),
        ("/api/v1/deliveries", "?limit=1"),
        ("/api/v1/dead-letters", ""),
        ("/api/v1/targets", ""),
        ("/api/v1/keys", ""),
        ("/api/v1/catalog", ""),
        ("/api/v1/stats", ""),
        ("/health", ""),
        ("/openapi.json", ""),
        ("/api/v1/events", "?limit=0"),
    ];
    for (path, query) in reads {
        let answer = server.get(&format!("{path}{query}")).await;
        assert!(answer.body.as_object().is_some_and(|body| !body.is_empty()), "{path}");
        checker.check("get", path, &answer);
    }
    check_webhooks(&server, &mut checker, &published.body).await;
    let attempts = server.get(&format!("/api/v1/deliveries/{delivery}/attempts")).await;
    checker.check("get", "/api/v1/deliveries/{delivery_id}/attempts", &attempts);
    let letter = server.get(&format!("/api/v1/dead-letters/{delivery}")).await;
    checker.check("get", "/api/v1/dead-letters/{delivery_id}", &letter);
    assert!(checker.faults.is_empty(), "{:#?}", checker.faults);
}

/// Answers of all routes of webhooks.
async fn check_webhooks(server: &Server, checker: &mut Checker, event: &Value) {
    const ONE: &str = "/api/v1/webhooks/subscriptions/{subscription_id}";
    let filter = json!({ "and": [{ "field": "payload.email", "exists": true }] });
    let request = json!({
        "url": "https://8.8.8.8/", "events": ["*"], "filter": filter, "headers": { "x-a": "1" }, "retry_seconds": [1],
        "timeout_seconds": 1, "rate_limit": { "per_second": 1 }, "organization_id": "org_1", "signature": "v1a",
    });
    let made = server.post(SUBSCRIPTIONS, &request).await;
    checker.check("post", SUBSCRIPTIONS, &made);
    checker.check("post", SUBSCRIPTIONS, &server.post(SUBSCRIPTIONS, &json!({})).await);
    checker.check("get", SUBSCRIPTIONS, &server.get(&format!("{SUBSCRIPTIONS}?limit=1")).await);
    checker.check("get", ONE, &server.get(&path(&made.body, "")).await);
    checker.check("patch", ONE, &server.patch(&made.body, &json!({ "revision": 7 })).await);
    checker.check("patch", ONE, &server.patch(&made.body, &json!({ "url": "https://8.8.4.4/" })).await);
    let explain = json!({ "event_id": event["event_id"] });
    let nothing = json!({});
    let actions = [
        ("explain", &explain),
        ("rotate", &nothing),
        ("secret", &nothing),
        ("pause", &nothing),
        ("disable", &nothing),
        ("enable", &nothing),
    ];
    for (action, body) in actions {
        checker.check("post", &format!("{ONE}/{action}"), &server.act(&made.body, action, body).await);
    }
    checker.check("get", &format!("{ONE}/stats"), &server.get(&path(&made.body, "stats")).await);
    checker.check("get", "/api/v1/webhooks/stats", &server.get("/api/v1/webhooks/stats").await);
    checker.check("get", &format!("{ONE}/public-keys"), &server.get(&path(&made.body, "public-keys")).await);
}

#[tokio::test]
async fn every_operation_says_what_it_answers_and_who_may_ask() {
    let server = Server::start().await;
    let document = server.get("/openapi.json").await.body;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let place = format!("{method} {path}");
            let answers = operation["responses"].as_object().unwrap();
            assert!(!text(&operation["summary"]).is_empty() || !text(&operation["description"]).is_empty(), "{place}");
            let is_open = !path.starts_with("/api/");
            assert_eq!(operation["security"] == json!([{}]), is_open, "{place}");
            for status in ["401", "403"] {
                assert_eq!(answers.contains_key(status), !is_open, "{place} {status}");
            }
        }
    }
}
