//! What is sent for which event, and how.

use std::process::Command;

use events_core::{EventHandler, ports::Delivered};
use serde_json::{Value, json};

use crate::{
    given::{delivery, event, handle, handler, signup, with_webhook},
    receiver::{Receiver, Reply},
};

/// Sends one event by the default webhook and answers what arrived.
async fn sent(event_type: &str, payload: Value) -> Value {
    let receiver = Receiver::start([]).await;
    let delivered = handle(&with_webhook(&receiver.url("/test")), "default", event_type, payload).await;
    assert_eq!(delivered, Ok(Delivered::status(200)));
    receiver.only_request().json()
}

/// R035, R021, R022
#[tokio::test]
async fn test_handle_formats_message_correctly() {
    let receiver = Receiver::start([]).await;
    let delivered = signup(&with_webhook(&receiver.url("/test"))).await;
    assert_eq!(delivered, Ok(Delivered::status(200)));

    let request = receiver.only_request();
    assert_eq!(request.line, "POST /test HTTP/1.1");
    assert_eq!(request.body, r#"{"text":"New signup: alice@example.com"}"#);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some(concat!("events/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn r024_user_signup() {
    let body = sent("user.signup", json!({ "email": "alice@example.com" })).await;
    assert_eq!(body, json!({ "text": "New signup: alice@example.com" }));
}

#[tokio::test]
async fn r025_user_first_import() {
    let body = sent("user.first_import", json!({ "email": "alice@example.com", "importer_name": "Users" })).await;
    assert_eq!(body, json!({ "text": "First import: alice@example.com via Users" }));
}

#[tokio::test]
async fn r026_subscription_started() {
    let body = sent("subscription.started", json!({ "email": "user@example.com", "plan": "pro" })).await;
    assert_eq!(body, json!({ "text": "New subscriber: user@example.com (pro)" }));
}

#[tokio::test]
async fn r027_subscription_cancelled() {
    let body = sent("subscription.cancelled", json!({ "email": "user@example.com", "plan": "pro" })).await;
    assert_eq!(body, json!({ "text": "Churned: user@example.com (pro)" }));
}

#[tokio::test]
async fn r028_subscription_payment_failed() {
    let body = sent("subscription.payment_failed", json!({ "email": "user@example.com" })).await;
    assert_eq!(body, json!({ "text": "Payment failed: user@example.com" }));
}

#[tokio::test]
async fn r029_importer_created() {
    let payload = json!({ "email": "user@example.com", "importer_name": "Test Importer" });
    assert_eq!(
        sent("importer.created", payload).await,
        json!({ "text": "New importer: Test Importer by user@example.com" })
    );
}

/// R030, R036 `test_handle_import_completed_formats_row_count`, C8
#[tokio::test]
async fn r030_r036_import_completed_formats_row_count() {
    let payload = json!({ "email": "alice@example.com", "importer_name": "Users", "row_count": 1250 });
    assert_eq!(sent("import.completed", payload).await, json!({ "text": "Import: 1,250 rows by alice@example.com" }));
}

#[tokio::test]
async fn r031_import_failed() {
    let payload = json!({ "email": "alice@example.com", "importer_name": "Users", "error": "Connection error" });
    assert_eq!(
        sent("import.failed", payload).await,
        json!({ "text": "Import failed: alice@example.com - Connection error" })
    );
}

/// R033, R037 `test_handle_unknown_event_does_nothing`
#[tokio::test]
async fn r037_an_unknown_type_is_dropped_and_nothing_is_sent() {
    let receiver = Receiver::start([]).await;
    let delivered = handle(&with_webhook(&receiver.url("/")), "default", "unknown.event", json!({})).await;
    assert_eq!(delivered, Ok(Delivered::dropped("unknown.event has no Slack template for default")));
    assert_eq!(receiver.connections(), 0);
}

/// R034: the dead letter names the type and the field.
#[tokio::test]
async fn a_template_that_cannot_be_filled_sends_nothing() {
    let receiver = Receiver::start([]).await;
    let error = handle(&with_webhook(&receiver.url("/")), "default", "user.signup", json!({})).await.unwrap_err();
    assert_eq!((error.class.as_str(), error.advice), ("template", events_core::ports::Advice::Fail));
    assert_eq!(error.message, "the template of user.signup needs the field `email`, which the payload does not have");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn an_alias_is_sent_as_its_canonical_type() {
    let receiver = Receiver::start([]).await;
    handle(&with_webhook(&receiver.url("/")), "default", "user.signed_up", json!({ "email": "a@b.c" })).await.unwrap();
    assert_eq!(receiver.only_request().text(), "[#signups] 🎉 New user signed up: a@b.c");
}

fn section(fields: &[(&str, &str)]) -> Value {
    let field = |(title, value)| json!({ "type": "mrkdwn", "text": format!("*{title}*\n{value}"), "verbatim": true });
    json!({ "type": "section", "fields": fields.iter().copied().map(field).collect::<Vec<_>>() })
}

fn rich(text: &str, fields: &[(&str, &str)]) -> Value {
    let first = json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    json!({ "text": text, "blocks": [first, section(fields)], "unfurl_links": false, "unfurl_media": false })
}

#[tokio::test]
async fn r216_a_new_user_has_titled_fields_in_signups() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({ "channels": { "#signups": receiver.url("/signups") } }));
    let anonymous = event("auth.user_signed_up", json!({ "email": "user@example.com" }));
    handler.handle(&delivery("#signups", anonymous)).await.unwrap();
    let payload = json!({ "email": "a@b.c", "signupMethod": "google", "referralSource": "paid" });
    handler.handle(&delivery("#signups", event("auth.user_signed_up", payload).actor("u_1", "user"))).await.unwrap();

    let requests = receiver.requests();
    assert_eq!(requests[0].line, "POST /signups HTTP/1.1");
    let defaults = [("Signup Method", "email"), ("Referral Source", "organic"), ("User ID", "unknown")];
    assert_eq!(requests[0].json(), rich("🎉 New user signed up: user@example.com", &defaults));
    let given = [("Signup Method", "google"), ("Referral Source", "paid"), ("User ID", "u_1")];
    assert_eq!(requests[1].json(), rich("🎉 New user signed up: a@b.c", &given));
}

#[tokio::test]
async fn r217_a_failed_payment_is_an_alert_with_its_amount() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({ "channels": { "#alerts": receiver.url("/alerts") } }));
    let payload = json!({ "amount": 5000, "error": "card_declined", "customerEmail": "patient@example.com" });
    let failed = event("billing.payment_failed", payload).organization("org_1");
    handler.handle(&delivery("#alerts", failed)).await.unwrap();
    let bare = event("billing.payment_failed", json!({ "amount": 1200, "currency": "chf" })).organization("org_2");
    handler.handle(&delivery("#alerts", bare)).await.unwrap();

    let requests = receiver.requests();
    let given = [("Amount", "$50.00"), ("Error", "card_declined"), ("Customer", "patient@example.com")];
    assert_eq!(requests[0].json(), rich("⚠️ Payment failed for organization org_1", &given));
    let defaults = [("Amount", "CHF 12.00"), ("Error", "Unknown error"), ("Customer", "Unknown")];
    assert_eq!(requests[1].json(), rich("⚠️ Payment failed for organization org_2", &defaults), "C43");

    let lost = event("billing.payment_failed", json!({})).organization("org_1");
    let error = handler.handle(&delivery("#alerts", lost)).await.unwrap_err();
    assert!(error.message.contains("billing.payment_failed needs the field `amount`"), "{error}");
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn the_bot_posts_to_the_channel_with_its_token() {
    let ok = || Reply::status(200, r#"{"ok":true,"channel":"C1","ts":"1503435956.000247"}"#);
    let receiver = Receiver::start([ok(), ok()]).await;
    let handler = handler(json!({
        "bot_token": "xoxb-1-secret", "api_base_url": receiver.url("/"), "default_channel": "#general",
    }));
    signup(&handler).await.unwrap();
    handle(&handler, "#signups", "auth.user_signed_up", json!({ "email": "a@b.c" })).await.unwrap();

    let requests = receiver.requests();
    assert_eq!(requests[0].line, "POST /api/chat.postMessage HTTP/1.1");
    assert_eq!(requests[0].header("authorization"), Some("Bearer xoxb-1-secret"));
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let text = "New signup: alice@example.com";
    assert_eq!(
        requests[0].json(),
        json!({ "channel": "#general", "text": text, "unfurl_links": false, "unfurl_media": false })
    );
    assert_eq!(requests[1].json()["channel"], "#signups");
    assert_eq!(requests[1].json()["blocks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::start([Reply::status(500, &"x".repeat(1_000))]).await;
    let handler = with_webhook(&receiver.url("/"));
    signup(&handler).await.unwrap_err();
    signup(&handler).await.unwrap();
    signup(&handler).await.unwrap();
    assert_eq!((receiver.requests().len(), receiver.connections()), (3, 1));
}

/// The environment cannot be changed inside a test, so the test runs itself in another one.
#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "messages::test_handle_formats_message_correctly"])
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("ALL_PROXY", "http://127.0.0.1:1")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
