//! `webhooks` on the command line.

use serde_json::json;

use super::{Endpoint, server};
use crate::{
    cli::{json, printed, run},
    server::{rows, text},
};

#[tokio::test]
async fn a_subscription_lives_on_the_command_line() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let headers = server.data().join("headers.json");
    std::fs::write(&headers, r#"{"x-api-key": "value-of-the-header"}"#).unwrap();
    let url = endpoint.url();
    let add = ["webhooks", "add", &url, "invoice.*", "user.signup", "--tenant", "org_1", "--description", "books"];
    let more = ["--filter", r#"{"field":"payload.amount","gt":1}"#, "--headers", headers.to_str().unwrap()];
    let made = json(&server, &[&add[..], &more].concat()).await;
    let id = text(&made["subscription_id"]);
    assert!(text(&made["secret"]).starts_with("whsec_"), "{made}");
    let shown = json(&server, &["webhooks", "show", id]).await;
    assert_eq!(
        (&shown["events"], &shown["headers"]),
        (&json!(["invoice.*", "user.signup"]), &json!({ "x-api-key": "***" }))
    );
    assert_eq!(shown["filter"], json!({ "field": "payload.amount", "gt": 1 }));
    assert_eq!(rows(&json(&server, &["webhooks", "list", "--organization", "org_2"]).await, "subscriptions").len(), 0);

    for (action, status) in [("pause", "paused"), ("disable", "disabled"), ("enable", "enabled")] {
        assert_eq!(printed(&server, &["webhooks", action, id], "").await, format!("{id} is {status}\n"));
    }
    let table = printed(&server, &["webhooks", "list"], "").await;
    assert!(table.contains("invoice.* user.signup") && table.contains("org_1") && table.contains("enabled"), "{table}");
    let rotated = printed(&server, &["webhooks", "rotate", id, "--grace", "7d", "--signature", "v1a"], "").await;
    assert!(rotated.contains("public key    whpk_") && rotated.contains("both sign till"), "{rotated}");
    let tested = printed(&server, &["webhooks", "test", id], "").await;
    assert!(tested.contains("status        200") && tested.contains("thanks"), "{tested}");
    assert_eq!(json(&server, &["webhooks", "delete", id]).await, json!({ "deleted": id }));
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_words_and_exit_codes() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    endpoint.now_says(500);
    let id = text(&made["subscription_id"]);
    for (words, code, told) in [
        (&["webhooks", "test", id][..], 1, "did not take the test event"),
        (&["webhooks", "add", "http://127.0.0.1/", "Invoice"], 1, "events[0]"),
        (&["webhooks", "add", "http://10.0.0.1/", "*"], 1, "url"),
        (&["webhooks", "add", "http://127.0.0.1/", "*", "--filter", "x > 1"], 1, "--filter is not JSON"),
        (&["webhooks", "add", "http://127.0.0.1/", "*", "--headers", "nowhere.json"], 1, "cannot read nowhere.json"),
        (&["webhooks", "add", "http://127.0.0.1/"], 2, "EVENTS"),
        (&["webhooks", "show", "../keys"], 1, "there is no webhook subscription"),
        (&["webhooks", "rotate", id, "--grace", "8d"], 1, "7 days"),
        (&["webhooks", "rotate", id, "--grace", "a week"], 2, "24h"),
    ] {
        let output = run(&server, words, "").await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(told), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn figures_are_told_in_words() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["invoice.*"], "tenant_id": "org_1" })).await;
    let event = server.publish(&super::invoice("inv_1", "org_1")).await;
    server.settled(&event).await;
    let told = printed(&server, &["webhooks", "stats"], "").await;
    for part in [
        "events         1 published",
        "1 succeeded, 0 dead",
        "100.0 %",
        "1, 0 failing",
        "ms on average, p95 ",
        "DAY ",
        "EVENTS",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let id = text(&made["subscription_id"]);
    let told = printed(&server, &["webhooks", "stats", id, "--days", "1"], "").await;
    assert!(told.contains("subscription   enabled") && !told.contains("EVENTS"), "{told}");
    let told = json(&server, &["webhooks", "stats", "--tenant", "org_2"]).await;
    assert_eq!((&told["events_published"], &told["subscriptions"]["total"]), (&json!(0), &json!(0)));
    let table = printed(&server, &["webhooks", "list"], "").await;
    assert!(table.contains("SUCCESS, 7 DAYS") && table.contains("100.0 %"), "{table}");
}

#[tokio::test]
async fn a_subscription_is_changed_on_the_command_line() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"], "description": "books" })).await;
    let id = text(&made["subscription_id"]);
    let headers = server.data().join("headers.json");
    std::fs::write(&headers, r#"{"x-api-key": "value-of-the-header"}"#).unwrap();
    let moved = format!("{}/moved", endpoint.url());
    let what = ["webhooks", "update", id, "--endpoint", &moved, "--events", "invoice.*", "user.signup"];
    let how = ["--filter", r#"{"field":"payload.amount","gt":1}"#, "--headers", headers.to_str().unwrap()];
    let pace = ["--retry", "5s,2m", "--timeout", "7s", "--rate", "2.5", "--burst", "9", "--default", "description"];
    let changed = json(&server, &[&what[..], &how, &pace].concat()).await;
    for (field, value) in [
        ("url", json!(moved)),
        ("events", json!(["invoice.*", "user.signup"])),
        ("filter", json!({ "field": "payload.amount", "gt": 1 })),
        ("headers", json!({ "x-api-key": "***" })),
        ("retry_seconds", json!([5, 120])),
        ("timeout_seconds", json!(7)),
        ("rate_limit", json!({ "per_second": 2.5, "burst": 9 })),
        ("description", json!("")),
        ("revision", json!(2)),
    ] {
        assert_eq!(changed[field], value, "{field}");
    }
    let told = printed(&server, &["webhooks", "update", id, "--default", "filter", "--default", "rate"], "").await;
    assert_eq!(told, format!("{id} is changed, revision 3\n"));
    let shown = json(&server, &["webhooks", "show", id]).await;
    assert_eq!((shown.get("filter"), shown.get("rate_limit"), &shown["timeout_seconds"]), (None, None, &json!(7)));
    for (words, code, told) in [
        (&["webhooks", "update", id][..], 1, "nothing is to be changed"),
        (&["webhooks", "update", id, "--timeout", "5s", "--default", "timeout"], 1, "timeout_seconds"),
        (&["webhooks", "update", id, "--description", "x", "--revision", "1"], 1, "revision"),
        (&["webhooks", "update", id, "--default", "events"], 2, "possible values"),
        (&["webhooks", "update", id, "--burst", "5"], 2, "--rate"),
    ] {
        let output = run(&server, words, "").await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(told), "{words:?}: {error}");
    }
}

#[tokio::test]
async fn proofs_secrets_and_reasons_are_told_on_the_command_line() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let filter = json!({ "and": [{ "field": "payload.currency", "eq": "USD" }] });
    let request = json!({ "url": endpoint.url(), "events": ["invoice.*"], "filter": filter, "challenge": true });
    let made = server.subscribe(&request).await;
    let id = text(&made["subscription_id"]);
    let unanswered = run(&server, &["webhooks", "verify", id], "").await;
    let said = String::from_utf8(unanswered.stderr).unwrap();
    assert!(unanswered.status.code() == Some(1) && said.contains("did not repeat the word"), "{said}");
    endpoint.now_echoes();
    assert!(printed(&server, &["webhooks", "verify", id], "").await.contains("status        200"));
    assert_eq!(json(&server, &["webhooks", "show", id]).await["verified"], true);

    let event = server.publish(&super::invoice("inv_1", "org_1")).await;
    let told = printed(&server, &["webhooks", "explain", id, text(&event["event_id"])], "").await;
    for part in [
        "is sent       no",
        "because       filtered",
        "its types     invoice.*",
        "does not hold filter.and[0]",
        "found EUR",
    ] {
        assert!(told.contains(part), "{part:?} in {told}");
    }
    let secret = printed(&server, &["webhooks", "secret", id], "").await;
    assert_eq!(secret, format!("secret        {}\n", text(&made["secret"])));
    assert!(printed(&server, &["webhooks", "public-keys", id], "").await.contains("(none)"));
    printed(&server, &["webhooks", "rotate", id, "--signature", "v1a"], "").await;
    assert!(printed(&server, &["webhooks", "public-keys", id], "").await.contains("whpk_"));
}
