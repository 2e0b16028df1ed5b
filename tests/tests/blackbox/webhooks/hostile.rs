//! Owners of endpoints and of subscriptions who want to do harm: what they send is bounded, and classed, and forgotten.

use events_tests::{Answer, Conduct, Endpoint, PATIENCE, Size, on_each_size};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTIONS, publish, story, subscribe, subscribe_with, system, time, tries};

on_each_size! {
    no_answer_of_an_endpoint_does_harm,
    no_request_of_a_subscriber_does_harm,
}

/// Longest record of one try, as JSON: its headers, its excerpt, and what JSON adds to them.
const RECORD: usize = 48 * 1_024;
/// Longest refusal.
const REFUSAL: usize = 2 * 1_024;

fn head(status: u16, lines: impl IntoIterator<Item = String>) -> Conduct {
    let lines: String = lines.into_iter().map(|line| line + "\r\n").collect();
    Conduct::Bytes(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{lines}\r\n").into_bytes())
}

/// What an endpoint does, and the class of what comes of it; no class: it counts as success.
fn hostile_answers() -> Vec<(&'static str, Conduct, Option<&'static str>)> {
    let chunked =
        |rest: &[u8]| Conduct::Bytes([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", rest].concat());
    vec![
        ("ninety_headers", head(200, (0..90).map(|n| format!("x-{n}: {}", "y".repeat(2_000)))), None),
        ("ten_thousand_headers", head(200, (0..10_000).map(|n| format!("x-{n}: y"))), Some("protocol")),
        ("one_long_header", head(200, [format!("x: {}", "y".repeat(1_000_000))]), Some("protocol")),
        (
            "headers_for_ever",
            Conduct::Forever(b"HTTP/1.1 200 OK\r\nx: ".into(), b"y\r\ny: ".repeat(9_999)),
            Some("protocol"),
        ),
        ("interim_for_ever", Conduct::Forever(Vec::new(), b"HTTP/1.1 102 X\r\n\r\n".repeat(99)), Some("timeout")),
        (
            "switching",
            Conduct::Bytes(b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello".into()),
            Some("protocol"),
        ),
        ("status_0", Conduct::Bytes(b"HTTP/1.1 0 X\r\n\r\n".into()), Some("protocol")),
        ("status_999", head(999, []), Some("protocol")),
        ("no_utf8", Conduct::body(200, "x: \u{fffd}\r\n", b"\xff\xfe\0\x1b[31m\r\n\xe2\x80\xae"), None),
        ("no_utf8_refusing", Conduct::body(404, "", b"\xff\xfe\0\x1b[31m\xc3"), Some("http_4xx")),
        ("long_location", head(302, [format!("location: http://10.0.0.1/{}", "y".repeat(50_000))]), Some("redirect")),
        ("chunk_of_exabytes", chunked(b"ffffffffffffffff\r\nx"), Some("timeout")),
        ("chunk_of_nonsense", chunked(b"-5\r\nx"), Some("body")),
        (
            "shorter_than_said",
            Conduct::BytesAndEnd(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".into()),
            Some("body"),
        ),
        (
            "two_lengths",
            Conduct::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".into()),
            Some("protocol"),
        ),
        (
            "two_answers",
            Conduct::Bytes([&b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n"[..]; 3].concat()),
            Some("http_4xx"),
        ),
    ]
}

async fn no_answer_of_an_endpoint_does_harm(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    let mut subscriptions = Vec::new();
    for (name, conduct, class) in hostile_answers() {
        let path = format!("/{name}");
        endpoint.answer(&path, [conduct]);
        subscriptions.push((name, subscribe(&api, &endpoint, &path, &format!("test.{name}")).await, class));
        publish(&api, &format!("test.{name}"), 1).await;
    }
    for (name, subscription, class) in subscriptions {
        let ended = if class.is_none() { "succeeded" } else { "dead" };
        let story = story(&api, &subscription, &format!("{name} to end"), |story| {
            ["succeeded", "dead", "dropped"].contains(&story["status"].as_str().unwrap())
        })
        .await;
        assert_eq!(story["status"], ended, "{name}: {story}");
        for attempt in tries(&story) {
            assert_eq!(attempt["error_class"].as_str(), class, "{name}: {attempt}");
            let text = attempt.to_string();
            assert!(text.len() <= RECORD, "{name}: a record of {} bytes", text.len());
            // Of control characters JSON shows line breaks and tabs; of those that reorder text, none.
            assert!(!text.contains("\\u00") && !text.contains('\u{202e}'), "{name}: {text}");
        }
        let longest = tries(&story).iter().map(|attempt| attempt.to_string().len()).max();
        println!("{name}: {}, {} bytes on record", class.unwrap_or("success"), longest.unwrap());
    }

    // Nobody can hold a delivery back for longer than a day.
    endpoint.answer("/patience", [Conduct::status(429, "retry-after: 99999999999999\r\n")]);
    let patient = subscribe(&api, &endpoint, "/patience", "test.patience").await;
    publish(&api, "test.patience", 1).await;
    let story = story(&api, &patient, "the long pause", |story| story["status"] == "failed").await;
    let pause = time(&story, "next_attempt_at").duration_since(Timestamp::now());
    assert!(pause <= SignedDuration::from_hours(24) && pause > SignedDuration::from_hours(23), "{pause:?}");
    println!("retry-after 99999999999999: {} h", pause.as_hours());
}

/// A field of a new subscription, what somebody puts there, and the field that the refusal names.
fn hostile_fields() -> Vec<(&'static str, Value, &'static str)> {
    let long = |bytes: usize| "x".repeat(bytes);
    let nested = |depth: usize, inner: Value| (0..depth).fold(inner, |inner, _| json!({ "not": inner }));
    let condition = || json!({ "field": "payload.a", "eq": 1 });
    vec![
        ("url", json!("https://user:pass@example.com/"), "url"),
        ("url", json!("https://127.0.0.1/#x"), "url"),
        ("url", json!("http://127.0.0.1:22/"), "url"),
        ("url", json!("http://127.0.0.1:99999/"), "url"),
        ("url", json!("http://127.0.0.1:0/"), "url"),
        ("url", json!("http://127.0.0.1/\r\nhost: x"), "url"),
        ("url", json!(format!("http://{}.example/", long(300))), "url"),
        ("url", json!(format!("http://127.0.0.1/{}", long(1_000_000))), "url"),
        ("url", json!("gopher://127.0.0.1/"), "url"),
        ("events", json!(vec!["*"; 10_000]), "events"),
        ("events", json!([long(1_000_000)]), "events[0]"),
        ("events", json!(["a\u{0}b"]), "events[0]"),
        ("filter", nested(60, condition()), "filter"),
        ("filter", json!({ "and": vec![condition(); 100_000] }), "filter"),
        ("filter", json!({ "field": "payload.a", "in": vec![1; 100_000] }), "filter"),
        ("filter", json!({ "field": "payload.a", "eq": long(1_000_000) }), "filter"),
        ("filter", json!({ "field": format!("payload.{}", long(1_000_000)), "eq": 1 }), "filter"),
        ("filter", json!({ long(1_000_000): 1 }), "filter"),
        ("headers", json!({ "x-a": "1\r\nx-b: 2" }), "headers.x-a"),
        ("headers", json!({ "x-a\r\nx-b": "1" }), "headers"),
        ("headers", json!({ long(1_000_000): "1" }), "headers"),
        ("headers", json!({ "x-a": long(1_000_000) }), "headers"),
        ("headers", (0..10_000).map(|n| (format!("x-{n}"), json!("1"))).collect(), "headers"),
        ("retry_seconds", json!(vec![1; 100_000]), "retry_seconds"),
        ("retry_seconds", json!([1e300]), "retry_seconds[0]"),
        ("timeout_seconds", json!(1e300), "timeout_seconds"),
        ("rate_limit", json!({ "per_second": 1e-300 }), "rate_limit"),
        ("rate_limit", json!({ "per_second": 1, "burst": 1_u64 << 40 }), "rate_limit.burst"),
        ("format", json!(long(1_000_000)), "format"),
        ("signature", json!(long(1_000_000)), "signature"),
        ("secret", json!(format!("whsec_{}", "QUFB".repeat(250_000))), "secret"),
        ("description", json!(long(1_000_000)), "description"),
        ("organization_id", json!(long(1_000_000)), "organization_id"),
    ]
}

fn check_refused(what: &str, answer: &Answer, statuses: &[u16]) {
    let text = answer.body.to_string();
    let shown: String = text.chars().take(300).collect();
    assert!(statuses.contains(&answer.status), "{what}: {} {shown}", answer.status);
    assert!(text.len() <= REFUSAL, "{what}: a refusal of {} bytes: {shown}", text.len());
    assert_eq!(answer.content_type, "application/problem+json", "{what}: {shown}");
}

async fn no_request_of_a_subscriber_does_harm(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    for (field, value, named) in hostile_fields() {
        let mut body = json!({ "url": endpoint.url("/"), "events": ["*"] });
        body[field] = value;
        let what: String = body.to_string().chars().take(120).collect();
        let answer = api.post(SUBSCRIPTIONS, body.to_string()).await;
        check_refused(&what, &answer, &[422]);
        let at = answer.body["errors"][0]["field"].as_str().unwrap();
        assert!(at.starts_with(named), "{what}: {at}");
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in [deep.clone(), format!("{{\"filter\":{deep}}}"), "{\"url\":\"\\ud800\"}".into(), "\u{0}".into()] {
        let what: String = body.chars().take(40).collect();
        check_refused(&what, &api.post(SUBSCRIPTIONS, body).await, &[400]);
    }
    check_refused("no UTF-8", &api.post(SUBSCRIPTIONS, vec![0xff; 100]).await, &[400]);
    let asked = [
        (format!("{SUBSCRIPTIONS}/{}", "x".repeat(5_000)), 404),
        (format!("{SUBSCRIPTIONS}/%00%ff"), 404),
        (format!("{SUBSCRIPTIONS}/..%2f..%2fkeys"), 404),
        ("/api/v1/webhooks/deliveries/99999999999999999999999".into(), 404),
        ("/api/v1/webhooks/deliveries/-1".into(), 404),
        ("/api/v1/webhooks/deliveries?limit=99999999999999999999".into(), 422),
        ("/api/v1/webhooks/deliveries?cursor=x".into(), 422),
        (format!("/api/v1/webhooks/deliveries?status={}", "x".repeat(5_000)), 422),
        (format!("/api/v1/webhooks/deliveries?event_type={}", "x,".repeat(2_500)), 422),
        ("/api/v1/webhooks/deliveries?since=-999999-01-01T00:00:00Z".into(), 422),
        (format!("/api/v1/replays?{}=1", "x".repeat(5_000)), 422),
    ];
    for (path, status) in &asked {
        let what: String = path.chars().take(80).collect();
        let answer = api.send(Method::GET, path, Vec::new()).await.unwrap();
        // What is no path at all is answered before it is looked at.
        check_refused(&what, &answer, &[*status, 400]);
    }
    assert_eq!(api.get(SUBSCRIPTIONS).await["subscriptions"], json!([]), "nothing was stored");

    let subscription = subscribe_with(&api, json!({ "url": endpoint.url("/well"), "events": ["test.well"] })).await;
    publish(&api, "test.well", 1).await;
    api.all_processed(PATIENCE).await;
    story(&api, &subscription, "all to be well", |story| story["status"] == "succeeded").await;
    println!("{} requests refused within {REFUSAL} bytes each", hostile_fields().len() + asked.len() + 5);
}
