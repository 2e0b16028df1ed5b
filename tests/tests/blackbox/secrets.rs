//! The address of a webhook is its credential: it is in nothing that the server tells.

use events_tests::{Api, CREDENTIAL, Home, PATIENCE, Receiver, Reply, Store, eventually, numbered, on_each_store};
use serde_json::json;

on_each_store! {
    no_failure_tells_the_address_of_a_webhook,
}

/// The worst a receiver can answer with.
const ECHO: &str = "no such hook: /services/T0/tops3cret/c0";

async fn no_failure_tells_the_address_of_a_webhook(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer("c0", Reply::Status(404, ECHO, None));
    receiver.answer("c1", Reply::Status(500, ECHO, None));
    receiver.answer("c2", Reply::Status(200, ECHO, None));
    let home = Home::on(&store, &format!("[log]\nlevel = \"debug\"\n\n{}", receiver.slack(4)));
    let server = home.start().await;
    let api = server.api();

    for (channel, number) in (0..).zip(0..3) {
        api.publish(&numbered(channel, number)).await;
    }
    eventually("the answers", PATIENCE, async || {
        let settled = api.deliveries("dead").await.len() + api.deliveries("succeeded").await.len();
        (settled == 2 && failed(&api, "#c1").await).then_some(())
    })
    .await;
    receiver.close().await;
    api.publish(&numbered(3, 3)).await;
    eventually("a connection that is refused", PATIENCE, async || failed(&api, "#c3").await.then_some(())).await;
    assert_eq!(api.health().await["status"], "degraded");

    let mut told = vec![home.log().text(), api.health().await.to_string()];
    for path in ["/api/v1/dead-letters", "/api/v1/deliveries", "/api/v1/targets", "/api/v1/events", "/openapi.json"] {
        told.push(api.get(path).await.to_string());
    }
    for delivery in api.get("/api/v1/deliveries").await["deliveries"].as_array().unwrap() {
        told.push(json!(api.attempts(delivery).await).to_string());
        told.push(api.get(&format!("/api/v1/events/{}", delivery["event_id"].as_str().unwrap())).await.to_string());
    }
    for command in [["check", "--json"], ["timeline", "--json"], ["dead-letters", "list"], ["deliveries", "--json"]] {
        told.push(home.cli(&server, &command).ok());
    }
    server.stop().await;
    told.push(home.log().text());
    for text in &told {
        assert!(!text.contains(CREDENTIAL), "{text}");
        assert!(!text.contains(home.admin_key().trim()), "{text}");
    }
    println!("no secret in {} documents, {} bytes", told.len(), told.iter().map(String::len).sum::<usize>());
}

/// Whether a delivery to the target has failed once.
async fn failed(api: &Api, target: &str) -> bool {
    let waiting = api.deliveries("pending").await;
    waiting.iter().any(|delivery| delivery["target"] == target && delivery["last_error"].is_string())
}
