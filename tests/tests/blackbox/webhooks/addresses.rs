//! Addresses that must not be reached: spelled oddly when a subscription is made, or put under a name afterwards.

use events_tests::{Endpoint, NameServer, PATIENCE, Size, eventually, on_each_size};
use serde_json::json;

use super::{SUBSCRIPTIONS, bare_system, deliveries, publish, story, subscribe_with, tries};

on_each_size! {
    every_spelling_of_a_forbidden_address_is_refused,
    a_name_that_changes_its_mind_reaches_nothing_inside,
}

/// Hosts that some program reads as an address of this machine, of its network or of its cloud, or that a name server
/// says are one.
const FORBIDDEN: [&str; 36] = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "127.000.000.001",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "0",
    "0.0.0.0",
    "10.1",
    "172.16.0.1",
    "192.168.257",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "localhost",
    "inside.example",
    "both.example",
];

async fn every_spelling_of_a_forbidden_address_is_refused(size: Size) {
    let (names, inside) = (NameServer::start().await, Endpoint::start().await);
    names.tell("inside.example", &["127.0.0.1"]);
    names.tell("both.example", &["::ffff:127.0.0.1", "169.254.169.254"]);
    names.tell("localhost", &["127.0.0.1"]);
    let variables = [("EVENTS__WEBHOOKS__NAMESERVERS", &*names.address()), ("EVENTS__WEBHOOKS__ALLOW_HTTP", "true")];
    let system = bare_system(&size, &variables).await;
    let api = system.api();
    for host in FORBIDDEN {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", inside.port());
            let answer = api.post(SUBSCRIPTIONS, json!({ "url": url, "events": ["*"] }).to_string()).await;
            let field = &answer.body["errors"][0];
            assert_eq!((answer.status, &field["field"]), (422, &json!("url")), "{url}: {}", answer.body);
            let problem = field["problem"].as_str().unwrap();
            assert!(problem.contains("an operator can allow it by its network"), "{url}: {problem}");
        }
    }
    let stored = api.get(SUBSCRIPTIONS).await;
    assert_eq!(stored["subscriptions"], json!([]), "nothing was stored");
    assert_eq!(inside.connections(), 0, "nobody connected");
    println!("{} spellings, by http and by https, refused", FORBIDDEN.len());
}

/// The name of an endpoint outside: 127.0.0.2 is the one address that the operator allows. The endpoint inside has
/// the same port at 127.0.0.1, which is as close as an attacker gets.
async fn a_name_that_changes_its_mind_reaches_nothing_inside(size: Size) {
    let names = NameServer::start().await;
    let (inside, outside) = Endpoint::start_pair(["127.0.0.1", "127.0.0.2"]).await;
    let variables = [
        ("EVENTS__WEBHOOKS__NAMESERVERS", &*names.address()),
        ("EVENTS__WEBHOOKS__ALLOW_HTTP", "true"),
        ("EVENTS__WEBHOOKS__ALLOW_NETWORKS", "127.0.0.2"),
    ];
    let system = bare_system(&size, &variables).await;
    let api = system.api();
    let moves: [(&str, &[&str]); 5] = [
        ("loopback", &["127.0.0.1"]),
        ("metadata", &["169.254.169.254"]),
        ("six", &["::1"]),
        ("mapped", &["::ffff:127.0.0.1"]),
        ("many", &["10.0.0.1", "127.0.0.1", "::1", "192.168.0.1"]),
    ];
    let mut subscriptions = Vec::new();
    for (name, _) in moves {
        names.tell(&format!("{name}.example"), &["127.0.0.2"]);
        let fields = json!({
            "url": format!("http://{name}.example:{}/{name}", outside.port()), "events": [format!("test.{name}")],
            "retry_seconds": [2],
        });
        subscriptions.push(subscribe_with(&api, fields).await);
    }
    for (name, addresses) in moves {
        names.tell(&format!("{name}.example"), addresses);
        publish(&api, &format!("test.{name}"), 1).await;
    }
    for ((name, _), subscription) in moves.iter().zip(&subscriptions) {
        let story = story(&api, subscription, name, |story| story["attempts"] == 1 && !tries(story).is_empty()).await;
        assert_eq!(tries(&story)[0]["error_class"], "forbidden_address", "{name}: {story}");
        let error = tries(&story)[0]["error"].as_str().unwrap();
        assert!(error.contains("which webhooks must not reach"), "{name}: {error}");
        println!("{name}: {error}");
    }

    // Back where it was, and beside an address inside: the retry goes to the one that is allowed.
    for (name, _) in moves {
        names.tell(&format!("{name}.example"), &["127.0.0.1", "127.0.0.2", "::1"]);
    }
    for ((name, _), subscription) in moves.iter().zip(&subscriptions) {
        eventually(name, PATIENCE, async || {
            (deliveries(&api, subscription).await[0]["status"] == "succeeded").then_some(())
        })
        .await;
        assert_eq!(outside.calls(&format!("/{name}")).len(), 1);
    }
    assert_eq!(inside.connections(), 0, "the endpoint inside was reached");
}
