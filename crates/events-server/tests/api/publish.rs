//! `POST /api/v1/events`: one event, many, twice the same, and events that are refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, Server, answer, rows, signup, text};

const EVENTS: &str = "/api/v1/events";

#[tokio::test]
async fn one_event_is_answered_as_it_is_stored() {
    let server = Server::start().await;
    let answer = server.post(EVENTS, &signup("alice", Some("org_1"))).await;
    assert_eq!(answer.status, 201);
    let mut published = answer.body;
    assert_eq!(published["event_version"], "1.0.0");
    assert_eq!(published["metadata"]["source"], "api");
    assert_eq!(published["metadata"]["environment"], "development");
    assert_eq!(published["occurred_at"], published["created_at"]);
    assert_eq!(published.as_object_mut().unwrap().remove("duplicate"), Some(json!(false)));

    let stored = server.get(&format!("{EVENTS}/{}", text(&published["event_id"]))).await.body;
    for (field, value) in published.as_object().unwrap() {
        assert_eq!(&stored[field], value, "{field}");
    }
}

#[tokio::test]
async fn what_was_published_is_there_after_a_restart_with_its_payload_as_sent() {
    let server = Server::start().await;
    let sent = r#"{"z":1,"a":{"y":1.50,"b":[ 1 ]}}"#;
    let body = format!(r#"{{"event_type":"a.b","payload":{sent}}}"#);
    let published = answer(server.call(Method::POST, EVENTS).body(body)).await;
    let server = server.restarted().await;
    let stored = server.get(&format!("{EVENTS}/{}", text(&published.body["event_id"]))).await;
    assert!(stored.text.contains(sent), "{}", stored.text);
}

#[tokio::test]
async fn many_events_are_stored_together_in_their_order() {
    let server = Server::start().await;
    let answer = server.post(EVENTS, &json!([signup("a", None), signup("b", None), signup("c", None)])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.column("events", "duplicate"), [false, false, false]);
    let mut published = answer.column("events", "event_id");
    published.reverse();
    assert_eq!(server.get(EVENTS).await.column("events", "event_id"), published);
    assert!(rows(&server.publish(&json!([])).await, "events").is_empty());
}

#[tokio::test]
async fn faults_in_a_batch_are_all_named_and_nothing_is_stored() {
    let server = Server::start().await;
    let batch = json!([signup("a", None), { "event_type": "a.b" }, { "event_type": "A", "payload": {} }]);
    server.post(EVENTS, &batch).await.refused(422, "invalid", &["[1].payload", "[2].event_type"]);
    let too_large = json!([signup("a", None), { "event_type": "a.b", "payload": { "x": "y".repeat(300_000) } }]);
    server.post(EVENTS, &too_large).await.refused(422, "invalid", &["[1].payload"]);
    assert!(rows(&server.get(EVENTS).await.body, "events").is_empty());
}

async fn publish_with(server: &Server, headers: &[(&str, &str)], event: &Value) -> Answer {
    let call = server.call(Method::POST, EVENTS).json(event);
    answer(headers.iter().fold(call, |call, (name, value)| call.header(*name, *value))).await
}

#[tokio::test]
async fn the_same_key_stores_one_event_however_it_is_given() {
    let server = Server::start().await;
    let keyed = |name: &str| {
        let mut event = signup("alice", None);
        event[name] = json!("key-1");
        event
    };
    let first = server.post(EVENTS, &keyed("idempotency_key")).await;
    assert_eq!((first.status.as_u16(), &first.body["duplicate"]), (201, &json!(false)));
    let again = [
        server.post(EVENTS, &keyed("idempotencyKey")).await,
        publish_with(&server, &[("idempotency-key", "key-1")], &signup("alice", None)).await,
        publish_with(&server, &[("idempotency-key", "key-1")], &keyed("idempotency_key")).await,
    ];
    for again in again {
        assert_eq!((again.status.as_u16(), &again.body["duplicate"]), (200, &json!(true)));
        assert_eq!(again.body["event_id"], first.body["event_id"]);
    }
    let batch = server.publish(&json!([keyed("idempotency_key"), signup("bob", None)])).await;
    assert_eq!(batch["events"][0], json!({ "event_id": first.body["event_id"], "duplicate": true }));
    assert_eq!(server.get(EVENTS).await.column("events", "actor"), ["bob", "alice"]);
}

#[tokio::test]
async fn keys_that_cannot_be_meant_are_refused() {
    let server = Server::start().await;
    let mut keyed = signup("alice", None);
    keyed["idempotency_key"] = json!("key-1");
    let refused = [
        publish_with(&server, &[("idempotency-key", "key-2")], &keyed).await,
        publish_with(&server, &[("idempotency-key", "a"), ("idempotency-key", "b")], &signup("alice", None)).await,
        publish_with(&server, &[("idempotency-key", "a")], &json!([signup("alice", None)])).await,
    ];
    refused.iter().for_each(|answer| answer.refused(422, "invalid", &["idempotency-key"]));
    let empty = publish_with(&server, &[("idempotency-key", "")], &signup("alice", None)).await;
    empty.refused(422, "invalid", &["idempotency_key"]);
    assert!(rows(&server.get(EVENTS).await.body, "events").is_empty());
}

#[tokio::test]
async fn a_key_or_id_of_another_event_is_a_conflict() {
    let server = Server::start().await;
    let with = |name: &str, field: &str, value: &Value| {
        let mut event = signup(name, None);
        event[field] = value.clone();
        event
    };
    let first = server.publish(&with("alice", "idempotency_key", &json!("k"))).await;
    let other = with("bob", "idempotency_key", &json!("k"));
    server.post(EVENTS, &other).await.refused(409, "conflict", &["idempotency_key"]);
    server.post(EVENTS, &with("bob", "event_id", &first["event_id"])).await.refused(409, "conflict", &["event_id"]);

    let batch = server.publish(&json!([other, signup("carol", None)])).await;
    assert_eq!(batch["events"][0]["code"], "conflict", "and concerns its own event only");
    assert_eq!(batch["events"][0]["event_id"], Value::Null);
    assert_eq!(server.get(EVENTS).await.column("events", "actor"), ["carol", "alice"]);
}

/// C20, C21, C36
#[tokio::test]
async fn the_source_documents_spellings_are_taken() {
    let server = Server::start().await;
    let published = server
        .publish(&json!({
            "eventType": "user.signed_up", "eventVersion": "2.0.0", "userId": "u1", "tenantId": "t1",
            "timestamp": "2026-01-31T09:30:00+01:00", "data": { "userId": "stays" },
            "metadata": { "source": "auth", "ipAddress": "::1", "userAgent": "x", "requestId": "r1" },
        }))
        .await;
    assert_eq!(published["event_type"], "user.signed_up", "an alias is stored as emitted");
    assert_eq!((&published["actor"], &published["actor_type"]), (&json!("u1"), &json!("user")));
    assert_eq!(published["organization_id"], "t1");
    assert_eq!(published["occurred_at"], "2026-01-31T08:30:00Z");
    assert_eq!(published["payload"], json!({ "userId": "stays" }));
    assert_eq!(published["metadata"]["ip_address"], "::1");
}

/// R203
#[tokio::test]
async fn headers_fill_in_what_metadata_leaves_out() {
    let server = Server::start().await;
    let long = "x".repeat(5000);
    let headers = [
        ("user-agent", long.as_str()),
        ("x-forwarded-for", "203.0.113.9, 10.0.0.1"),
        ("x-request-id", "req-1"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let mut event = signup("alice", None);
    event["metadata"] = json!({ "request_id": "mine" });
    let published = publish_with(&server, &headers, &event).await;
    let metadata = &published.body["metadata"];
    assert_eq!(metadata["request_id"], "mine", "what the event says wins");
    assert_eq!(metadata["ip_address"], "203.0.113.9");
    assert_eq!(text(&metadata["user_agent"]).len(), 1024, "cut, not refused");
    assert!(text(&metadata["trace_parent"]).starts_with("00-"));
    assert_eq!(published.headers["x-request-id"], "req-1");
}

#[tokio::test]
async fn a_key_of_one_organization_publishes_for_it_alone() {
    let server = Server::start().await;
    let key = server.key(&["publish"], Some("org_1")).await;
    let published = server.post_as(&key, EVENTS, &signup("alice", None)).await;
    assert_eq!(published.body["organization_id"], "org_1");
    let other = server.post_as(&key, EVENTS, &signup("alice", Some("org_2"))).await;
    other.refused(403, "forbidden", &["organization_id"]);
    let batch = json!([signup("alice", Some("org_1")), signup("alice", Some("org_2"))]);
    server.post_as(&key, EVENTS, &batch).await.refused(403, "forbidden", &["[1].organization_id"]);
    assert_eq!(rows(&server.get(EVENTS).await.body, "events").len(), 1);
}

#[tokio::test]
async fn bodies_that_would_be_misread_are_refused() {
    let server = Server::configured("max_body_bytes = 100000").await;
    let send = |content_type: &str, body: Vec<u8>| {
        answer(server.call(Method::POST, EVENTS).header("content-type", content_type).body(body))
    };
    let good = signup("alice", None).to_string().into_bytes();
    assert_eq!(send("application/x-www-form-urlencoded", good.clone()).await.status, 201, "as `curl -d` says");
    for form in ["application/json; charset=iso-8859-1", "application/cloudevents+json", "multipart/form-data"] {
        send(form, good.clone()).await.refused(415, "unsupported_media_type", &[]);
    }
    let zipped = server.call(Method::POST, EVENTS).header("content-encoding", "gzip").body(good.clone());
    answer(zipped).await.refused(415, "unsupported_media_type", &[]);
    send("application/json", b"{\"event_type\":\"a.b\",\"payload\":{\"x\":\"\xff\"}}".to_vec()).await.refused(
        400,
        "bad_request",
        &[],
    );
    for text in ["", "{", "[{]", "{}x"] {
        send("application/json", text.as_bytes().to_vec()).await.refused(400, "bad_request", &[]);
    }
    send("application/json", b"7".to_vec()).await.refused(422, "invalid", &["event"]);
    send("application/json", vec![b' '; 100_001]).await.refused(413, "too_large", &[]);
}

#[tokio::test]
async fn a_call_takes_ten_thousand_events_at_most() {
    let server = Server::start().await;
    let batch = vec![json!({ "event_type": "a.b", "payload": {} }); 10_001];
    server.post(EVENTS, &Value::Array(batch)).await.refused(413, "too_large", &["events"]);
}
