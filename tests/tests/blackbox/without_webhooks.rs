//! Where no key is configured that would encrypt their secrets, webhooks are off, and say what to set.

use events_tests::{Home, Postgres};
use reqwest::Method;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_that_are_off_say_what_to_set() {
    let Some(database) = Postgres::shared_url() else { return };
    let home = Home::new("").with("DATABASE_URL", &format!("{database}?schema=without_webhooks"));
    let server = home.start().await;
    let api = server.api();
    const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";
    for (method, path) in [
        (Method::GET, SUBSCRIPTIONS.to_owned()),
        (Method::POST, SUBSCRIPTIONS.to_owned()),
        (Method::GET, format!("{SUBSCRIPTIONS}/01a210b0-7f00-7abc-8def-000000000001")),
        (Method::POST, format!("{SUBSCRIPTIONS}/01a210b0-7f00-7abc-8def-000000000001/secret")),
    ] {
        let answer = api.send(method.clone(), &path, b"{}".to_vec()).await.unwrap();
        assert_eq!(answer.status, 501, "{method} {path}: {answer:?}");
        assert!(format!("{answer:?}").contains("EVENTS__WEBHOOKS__ENCRYPTION_KEYS"), "{answer:?}");
    }
    let refusal = home.cli(&server, &["webhooks", "add", "https://8.8.8.8/", "*"]).refused();
    assert!(refusal.contains("webhooks.encryption_keys"), "{refusal}");
    assert_eq!(api.get("/api/v1/webhooks/stats").await["subscriptions"]["total"], 0, "what was is told all the same");
    server.stop().await;
}
