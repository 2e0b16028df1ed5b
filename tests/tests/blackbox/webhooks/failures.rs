//! Calls that get no answer, each with its own class, as the API shows it.

use events_tests::{Conduct, Endpoint, NameServer, Size, on_each_size};
use serde_json::json;

use super::{SUBSCRIPTIONS, publish, story, subscribe_url, system, tries};

on_each_size! {
    each_failure_without_an_answer_has_its_class,
}

async fn each_failure_without_an_answer_has_its_class(size: Size) {
    let (names, plain, tls) = (NameServer::start().await, Endpoint::start().await, Endpoint::start_with_tls().await);
    let closed = Endpoint::start().await.url("/");
    let system = system(&size, &[("EVENTS__WEBHOOKS__NAMESERVERS", &names.address())]).await;
    let api = system.api();
    names.tell("receiver.example", &["127.0.0.1"]);
    names.tell("moved.example", &["127.0.0.1"]);
    names.tell("empty.example", &["127.0.0.1"]);
    plain.answer("/reset", [Conduct::Reset]);
    plain.answer("/hung_up", [Conduct::HangUp]);
    plain.answer("/silent", [Conduct::Silence]);
    plain.answer("/gibberish", [Conduct::Bytes(b"220 mail.example ESMTP\r\n\r\n".into())]);
    let port = plain.port();
    let failures = [
        ("reset", plain.url("/reset"), "reset"),
        ("hung_up", plain.url("/hung_up"), "reset"),
        ("silent", plain.url("/silent"), "timeout"),
        ("gibberish", plain.url("/gibberish"), "protocol"),
        ("refused", closed, "connect"),
        ("self_signed", format!("https://receiver.example:{}/", tls.port()), "tls"),
        // It takes the connection and never says a word of TLS.
        ("slow_handshake", format!("https://receiver.example:{port}/"), "timeout"),
        ("no_name", format!("http://moved.example:{port}/"), "dns"),
        ("no_address", format!("http://empty.example:{port}/"), "dns"),
    ];
    let mut subscriptions = Vec::new();
    for (name, url, class) in &failures {
        subscriptions.push((name, subscribe_url(&api, url, &format!("test.{name}")).await, class));
    }
    // A name that is there when a subscription is made may be gone when it is called.
    names.forget("moved.example");
    names.tell("empty.example", &[]);
    for (name, ..) in &failures {
        publish(&api, &format!("test.{name}"), 1).await;
    }
    for (name, subscription, class) in subscriptions {
        let story = story(&api, &subscription, name, |story| story["status"] == "dead").await;
        assert_eq!(tries(&story).len(), 3, "{name}: {story}");
        for attempt in tries(&story) {
            assert_eq!(attempt["error_class"], **class, "{name}: {attempt}");
            assert!(attempt["response"].is_null() && attempt["status"].is_null(), "{name}: {attempt}");
            assert!(attempt["times"]["total_ms"].is_number(), "{name}: {attempt}");
        }
        println!("{name}: {class}, \"{}\"", tries(&story)[0]["error"].as_str().unwrap());
    }
    assert!(tls.calls("/").is_empty(), "nothing is sent where the certificate is not trusted");

    // One that is gone already is refused at once, and nothing is stored of it.
    let body = json!({ "url": format!("http://moved.example:{port}/"), "events": ["*"] });
    let refused = api.post(SUBSCRIPTIONS, body.to_string()).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("url")), "{}", refused.body);
}
