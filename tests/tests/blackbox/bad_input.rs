//! Bad input: refused with a problem that says what to mend, and nothing is stored.

use events_tests::{Answer, Home, Store, on_each_store};
use serde_json::{Value, json};

on_each_store! {
    bad_input_is_refused_by_name_and_stores_nothing,
    what_is_not_there_is_a_problem_too,
}

/// Larger than every body here but the one that is too large.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// A body, the status it is answered with, and the field that is named.
struct Case {
    name: &'static str,
    body: Vec<u8>,
    status: u16,
    field: &'static str,
}

fn case(name: &'static str, body: impl Into<Vec<u8>>, status: u16, field: &'static str) -> Case {
    Case { name, body: body.into(), status, field }
}

fn event(event_type: &str, payload: &Value) -> String {
    json!({ "event_type": event_type, "payload": payload }).to_string()
}

/// One body for each thing that can be wrong.
fn cases() -> Vec<Case> {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let many: Vec<_> = (0..10_001).map(|_| json!({ "event_type": "a.b", "payload": {} })).collect();
    let one_bad = json!([
        { "event_type": "a.b", "payload": {} }, { "event_type": "a.b", "payload": 7 }, { "event_type": "a.b", "payload": {} }
    ]);
    let one_with_nul = json!([
        { "event_type": "a.b", "payload": {} }, { "event_type": "a.b", "payload": { "text": "a\u{0}b" } }
    ]);
    let filler = " ".repeat(MAX_BODY_BYTES);
    vec![
        case("malformed JSON", r#"{"event_type": "a.b", "payload": "#, 400, ""),
        case("empty body", "", 400, ""),
        case("two documents", r#"{"event_type":"a.b","payload":{}} {}"#, 400, ""),
        case("invalid UTF-8", b"{\"event_type\":\"a.b\",\"payload\":{\"x\":\"\xff\"}}".as_slice(), 400, ""),
        case("a number", "7", 422, "event"),
        case("no type", r#"{"payload":{}}"#, 422, "event_type"),
        case("a type without a dot", event("signup", &json!({})), 422, "event_type"),
        case("a type in upper case", event("User.Signup", &json!({})), 422, "event_type"),
        case("a type with 101 characters", event(&format!("a.{}", "b".repeat(99)), &json!({})), 422, "event_type"),
        case("a type that is a number", r#"{"event_type":7,"payload":{}}"#, 422, "event_type"),
        case("no payload", r#"{"event_type":"a.b"}"#, 422, "payload"),
        case("payload null", event("a.b", &Value::Null), 422, "payload"),
        case("payload an array", event("a.b", &json!([1])), 422, "payload"),
        case("payload a text", event("a.b", &json!("x")), 422, "payload"),
        case("payload of 300 KiB", event("a.b", &json!({ "x": "y".repeat(300 * 1024) })), 422, "payload"),
        case("NUL in a payload", event("a.b", &json!({ "text": "a\u{0}b" })), 422, "payload"),
        case("NUL in a name", event("a.b", &json!({ "a\u{0}b": 1 })), 422, "payload"),
        case("a depth bomb", format!(r#"{{"event_type":"a.b","payload":{{"x":{nested}}}}}"#), 422, "payload"),
        case("a depth bomb of its own", nested, 422, "[0].event"),
        case("unknown field", r#"{"event_type":"a.b","payload":{},"organisation":"x"}"#, 422, "organisation"),
        case("two spellings", r#"{"event_type":"a.b","eventType":"a.b","payload":{}}"#, 422, "event_type"),
        case("one spelling twice", r#"{"event_type":"a.b","payload":{},"payload":{}}"#, 422, "payload"),
        case("an id that is none", r#"{"event_type":"a.b","payload":{},"event_id":"7"}"#, 422, "event_id"),
        case("a time that is none", r#"{"event_type":"a.b","payload":{},"occurred_at":"now"}"#, 422, "occurred_at"),
        case("empty actor", r#"{"event_type":"a.b","payload":{},"actor":""}"#, 422, "actor"),
        case("unknown metadata", r#"{"event_type":"a.b","payload":{},"metadata":{"x":1}}"#, 422, "metadata"),
        case("10,001 events", json!(many).to_string(), 413, "events"),
        case("one bad event of three", one_bad.to_string(), 422, "[1].payload"),
        case("one event with NUL of two", one_with_nul.to_string(), 422, "[1].payload"),
        case("a body over the limit", event("a.b", &json!({})) + &filler, 413, ""),
    ]
}

async fn bad_input_is_refused_by_name_and_stores_nothing(store: Store) {
    let home = Home::on(&store, &format!("[server]\nmax_body_bytes = {MAX_BODY_BYTES}\n"));
    let server = home.start().await;
    let cases = cases();
    for Case { name, body, status, field } in &cases {
        let answer = server.api().post("/api/v1/events", body.clone()).await;
        assert_eq!(answer.status, *status, "{name}: {}", answer.body);
        assert_problem(name, &answer);
        let fields: Vec<_> =
            answer.body["errors"].as_array().into_iter().flatten().map(|error| &error["field"]).collect();
        if field.is_empty() {
            assert!(fields.is_empty(), "{name}: {}", answer.body);
        } else {
            assert!(fields.contains(&&json!(field)), "{name}: {}", answer.body);
        }
        assert!(server.api().events().await.is_empty(), "{name} was stored");
    }
    println!("{} bad bodies refused, nothing stored", cases.len());
    server.api().publish(&json!({ "event_type": "a.b", "payload": {} })).await;
    server.stop().await;
    assert!(!home.log().has("panicked"), "{}", home.log().text());
}

async fn what_is_not_there_is_a_problem_too(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    for (path, status) in [
        ("/api/v1/no-such-thing", 404),
        ("/api/v1/events/0198c5f1-7a3e-7c52-9d6e-0a1b2c3d4e5f", 404),
        ("/api/v1/events/7", 404),
        ("/api/v1/events?limit=0", 422),
        ("/api/v1/events?limt=5", 422),
        ("/api/v1/deliveries?state=lost", 422),
        ("/api/v1/dead-letters/7", 404),
    ] {
        let answer = server.api().send(reqwest::Method::GET, path, Vec::new()).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_problem(path, &answer);
    }
    let answer = server.api().send(reqwest::Method::PUT, "/api/v1/events", Vec::new()).await.unwrap();
    assert_eq!(answer.status, 405, "{}", answer.body);
    assert_problem("PUT", &answer);
}

/// Every refusal is `application/problem+json` and says something to people and to programs.
fn assert_problem(name: &str, answer: &Answer) {
    assert_eq!(answer.content_type, "application/problem+json", "{name}: {}", answer.body);
    assert_eq!(answer.body["status"], answer.status, "{name}");
    for text in ["code", "title", "detail"] {
        assert!(answer.body[text].as_str().is_some_and(|text| !text.is_empty()), "{name}: {}", answer.body);
    }
}
