//! Every kind of answer, and what the server makes of it.

use std::time::Duration;

use events_tests::{Conduct, Endpoint, PATIENCE, Size, eventually, on_each_size};
use events_webhooks::signature::{Secret, VerifyingKey, verify};
use serde_json::Value;

use super::{publish, subscribe, subscribe_url, system};

on_each_size! {
    each_answer_is_classed_and_only_success_is_success,
    an_endpoint_that_asks_for_time_gets_it,
}

async fn each_answer_is_classed_and_only_success_is_success(size: Size) {
    let (endpoint, elsewhere) = (Endpoint::start().await, Endpoint::start().await);
    let system = system(&size, &[]).await;
    let api = system.api();
    let to_elsewhere = format!("location: {}\r\n", elsewhere.url("/secret"));
    let refused = {
        let closed = Endpoint::start().await;
        closed.url("/")
    };
    let (interim, well) = (&b"HTTP/1.1 199 X\r\n\r\n"[..], &b"HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n"[..]);
    let conducts = [
        ("ok", Conduct::status(200, ""), "succeeded", None),
        ("accepted", Conduct::status(299, ""), "succeeded", None),
        ("empty", Conduct::status(204, ""), "succeeded", None),
        // An interim answer is none: it is waited for the one that follows.
        ("interim", Conduct::status(199, ""), "dead", Some("timeout")),
        ("interim_first", Conduct::Bytes([interim, well].concat()), "succeeded", None),
        ("unchanged", Conduct::status(304, ""), "dead", Some("redirect")),
        ("moved", Conduct::status(302, &to_elsewhere), "dead", Some("redirect")),
        ("missing", Conduct::status(404, ""), "dead", Some("http_4xx")),
        ("broken", Conduct::status(500, ""), "dead", Some("http_5xx")),
        ("gone", Conduct::status(410, ""), "dead", Some("gone")),
        ("hung_up", Conduct::HangUp, "dead", Some("reset")),
        ("trickling", Conduct::trickle(), "dead", Some("timeout")),
        ("flooding", Conduct::Flood, "succeeded", None),
    ];
    let mut expected = Vec::new();
    for (name, conduct, state, class) in conducts {
        let path = format!("/{name}");
        endpoint.answer(&path, [conduct]);
        let subscription = subscribe(&api, &endpoint, &path, &format!("test.{name}")).await;
        expected.push((name.to_owned(), subscription, state, class));
    }
    let subscription = subscribe_url(&api, &refused, "test.refused").await;
    expected.push(("refused".to_owned(), subscription, "dead", Some("connect")));
    for (name, ..) in &expected {
        publish(&api, &format!("test.{name}"), 1).await;
    }
    api.all_processed(PATIENCE).await;

    let deliveries: Vec<Value> =
        [api.deliveries("succeeded").await, api.deliveries("dead").await].into_iter().flatten().collect();
    for (name, subscription, state, class) in &expected {
        let delivery = deliveries.iter().find(|delivery| delivery["target"] == subscription["subscription_id"]);
        let delivery = delivery.unwrap_or_else(|| panic!("{name}: no delivery"));
        assert_eq!(delivery["state"], *state, "{name}: {delivery}");
        let attempts = api.attempts(delivery).await;
        let tries = if *state == "succeeded" || *name == "gone" { 1 } else { 3 };
        assert_eq!(attempts.len(), tries, "{name}: {attempts:?}");
        assert!(attempts.iter().all(|attempt| attempt["error_class"].as_str() == *class), "{name}: {attempts:?}");
        assert!(attempts[0]["detail"]["times"].is_object(), "{name}: {}", attempts[0]);

        let secret = Secret::parse(&subscription["secret"].as_str().unwrap().into()).unwrap();
        for call in endpoint.calls(&format!("/{name}")) {
            let key = VerifyingKey::Symmetric(secret.clone());
            verify(&key, &call.headers, &call.body, jiff::Timestamp::now()).unwrap();
        }
        let secret = subscription["secret"].as_str().unwrap();
        assert!(!system.log().contains(secret), "{name}: the log shows a secret");
    }
    assert!(elsewhere.calls("/secret").is_empty(), "a redirect was followed");
    let gone = expected.iter().find(|(name, ..)| name == "gone").unwrap();
    let path = format!("/api/v1/webhooks/subscriptions/{}", gone.1["subscription_id"].as_str().unwrap());
    assert_eq!(api.get(&path).await["status"], "disabled");
    eventually("the owner to be told", PATIENCE, async || {
        let told = api.get("/api/v1/events/timeline?event_types=webhook.subscription_disabled").await;
        (told["events"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    println!("{} endpoints, each classed as it behaved", expected.len());
}

async fn an_endpoint_that_asks_for_time_gets_it(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let api = system.api();
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    let date = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let asks = [
        ("seconds", "retry-after: 3\r\n".to_owned(), Duration::from_secs(3)),
        ("date", format!("retry-after: {date}\r\n"), Duration::from_secs(2)),
        ("nonsense", "retry-after: soon\r\n".to_owned(), Duration::from_secs(1)),
    ];
    for (name, header, _) in &asks {
        let path = format!("/{name}");
        let status = if *name == "nonsense" { 500 } else { 429 };
        endpoint.answer(&path, [Conduct::status(status, header), Conduct::status(200, "")]);
        subscribe(&api, &endpoint, &path, &format!("test.{name}")).await;
        publish(&api, &format!("test.{name}"), 1).await;
    }
    api.all_processed(PATIENCE).await;
    for (name, _, least) in &asks {
        let calls = endpoint.calls(&format!("/{name}"));
        assert_eq!(calls.len(), 2, "{name}");
        assert_eq!(calls[0].headers["webhook-id"], calls[1].headers["webhook-id"]);
        let waited = calls[1].at - calls[0].at;
        assert!(waited >= *least, "{name}: called again after {waited:?}");
        println!("{name}: called again after {waited:?}");
    }
}
