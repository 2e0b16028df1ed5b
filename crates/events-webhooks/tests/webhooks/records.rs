//! What is sent and what is recorded of it.

use events_webhooks::signature::{VerifyingKey, verify};
use jiff::Timestamp;

use crate::{
    given::{LONG, Message, sender},
    receiver::{Receiver, Reply},
};

const TOKEN: &str = "token-of-the-customer";

#[tokio::test]
async fn a_message_arrives_signed_with_the_customers_headers() {
    let (receiver, message) = (Receiver::start([]).await, Message::new());
    message.send(&sender(), &receiver.url(), LONG).await.result.unwrap();
    message.send(&sender(), &receiver.url(), LONG).await.result.unwrap();
    let requests = receiver.requests();
    for request in &requests {
        let key = VerifyingKey::Symmetric(message.secret.clone());
        verify(&key, &request.headers, &request.body, Timestamp::now()).unwrap();
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(request.headers["x-api-key"], TOKEN);
        assert_eq!(request.body, message.envelope.body);
        assert!(!request.headers.contains_key("accept-encoding"));
    }
    assert_eq!(requests[0].headers["webhook-id"], requests[1].headers["webhook-id"]);
}

#[tokio::test]
async fn the_record_holds_the_signature_and_no_secret_even_if_the_answer_repeats_it() {
    let echo = Reply::with(400, &[("X-Echo", TOKEN)], &format!("you said {TOKEN}\u{1b}[0m"));
    let (receiver, message) = (Receiver::start([echo]).await, Message::new());
    let attempt = message.send(&sender(), &receiver.url(), LONG).await;
    let sent = |name: &str| {
        let header = attempt.detail.request_headers.iter().find(|header| header.name == name);
        header.map(|header| header.value.clone()).unwrap()
    };
    assert_eq!(sent("x-api-key"), "***");
    assert!(sent("webhook-signature").starts_with("v1,"));
    assert_eq!(sent("webhook-id"), message.id);
    assert_eq!(attempt.detail.response.as_ref().unwrap().body, "you said ***[0m");
    let (json, debug) = (serde_json::to_string(&attempt.detail).unwrap(), format!("{attempt:?}"));
    assert!(!json.contains(TOKEN) && !debug.contains(TOKEN));
    assert_eq!(serde_json::from_str::<events_webhooks::sender::AttemptDetail>(&json).unwrap(), attempt.detail);
    let (result, _) = attempt.into_parts();
    assert_eq!(result.unwrap_err().status, Some(400));
}
