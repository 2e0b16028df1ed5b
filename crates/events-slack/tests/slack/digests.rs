//! What piled up for one channel becomes one message, and each delivery learns how it went.

use events_core::{Delivery, EventHandler, ports::Advice};
use serde_json::{Value, json};

use crate::{
    given::{delivery, event, handler, with_webhook},
    receiver::{Receiver, Reply},
};

fn at_default(event_type: &str, payload: Value) -> Delivery {
    delivery("default", event(event_type, payload))
}

fn imported(rows: u32) -> Delivery {
    at_default("import.completed", json!({ "email": "a@b.c", "row_count": rows }))
}

fn signed_up(email: &str) -> Delivery {
    at_default("user.signup", json!({ "email": email }))
}

#[tokio::test]
async fn many_deliveries_are_one_message_with_counts_and_sums() {
    let receiver = Receiver::start([]).await;
    let mut deliveries: Vec<_> = (0..10).map(|_| imported(3_412)).collect();
    deliveries.extend([signed_up("x@y.z"), signed_up("<!channel>")]);
    let outcomes = with_webhook(&receiver.url("/")).handle_digest(&deliveries).await;

    let request = receiver.only_request();
    let lines: Vec<_> = request.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "12 events: 10 import.completed (row_count 34,120), 2 user.signup");
    assert_eq!(lines[1], "Import: 3,412 rows by a@b.c");
    assert_eq!(lines[11..], ["New signup: x@y.z", "New signup: &lt;!channel&gt;"]);
    assert_eq!(request.json().as_object().unwrap().len(), 1, "exactly the text");
    assert_eq!(outcomes.len(), 12);
    for outcome in outcomes {
        let delivered = outcome.unwrap();
        assert_eq!((delivered.status, delivered.response.as_deref()), (Some(200), Some("digest of 12")));
    }
}

#[tokio::test]
async fn what_cannot_be_told_gets_its_own_result() {
    let receiver = Receiver::start([]).await;
    let deliveries =
        [signed_up("a@b.c"), at_default("user.signup", json!({})), at_default("unknown.event", json!({})), imported(1)];
    let outcomes = with_webhook(&receiver.url("/")).handle_digest(&deliveries).await;
    assert_eq!(
        receiver.only_request().text(),
        "2 events: 1 import.completed (row_count 1), 1 user.signup\nNew signup: a@b.c\nImport: 1 rows by a@b.c"
    );
    let unfilled = outcomes[1].as_ref().unwrap_err();
    assert_eq!((unfilled.class.as_str(), unfilled.advice), ("template", Advice::Fail));
    assert!(unfilled.message.contains("the field `email`"), "{unfilled}");
    assert!(outcomes[2].as_ref().unwrap().dropped.is_some());
    for at in [0, 3] {
        assert_eq!(outcomes[at].as_ref().unwrap().response.as_deref(), Some("digest of 2"));
    }
}

#[tokio::test]
async fn a_failed_digest_is_the_failure_of_each() {
    let receiver = Receiver::start([Reply::Answer(429, &[("Retry-After", "7")], String::new())]).await;
    let deliveries = [signed_up("a@b.c"), imported(1), at_default("user.signup", json!({}))];
    let outcomes = with_webhook(&receiver.url("/")).handle_digest(&deliveries).await;
    assert_eq!(outcomes[0], outcomes[1]);
    assert_eq!(outcomes[0].as_ref().unwrap_err().class.as_str(), "rate_limited");
    assert_eq!(outcomes[2].as_ref().unwrap_err().class.as_str(), "template");
}

#[tokio::test]
async fn a_lone_message_is_sent_as_it_is_and_none_is_not_sent() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({ "webhook_url": receiver.url("/") }));
    let alone = [at_default("user.signup", json!({})), signed_up("a@b.c")];
    let outcomes = handler.handle_digest(&alone).await;
    assert_eq!(receiver.only_request().text(), "New signup: a@b.c");
    assert_eq!(outcomes[1].as_ref().unwrap().response, None);
    assert!(outcomes[0].is_err());

    assert!(handler.handle_digest(&[]).await.is_empty());
    assert_eq!(handler.handle_digest(&[at_default("x.y", json!({}))]).await.len(), 1);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_digest_in_place_of_a_channel_names_it_and_shows_fields() {
    let receiver = Receiver::start([Reply::status(200, "fine")]).await;
    let alert = || {
        let payload = json!({ "amount": 5000, "organizationId": "o" });
        delivery("#alerts", event("billing.payment_failed", payload))
    };
    let outcomes = with_webhook(&receiver.url("/")).handle_digest(&[alert(), alert()]).await;
    assert_eq!(
        receiver.only_request().text().lines().collect::<Vec<_>>()[..2],
        [
            "[#alerts] 2 events: 2 billing.payment_failed",
            "⚠️ Payment failed for organization o (Amount: $50.00, Error: Unknown error, Customer: Unknown)"
        ]
    );
    let response = outcomes[0].as_ref().unwrap().response.as_deref();
    assert_eq!(response, Some("digest of 2; expected `ok`, got: fine"));
}
