//! Endpoints that are asked to repeat a word.

use events_webhooks::{
    CustomHeaders,
    challenge::{Challenge, ask},
    sender::Attempt,
    signature::{Secret, SigningKey, VerifyingKey, verify},
};
use jiff::Timestamp;

use crate::{
    given::{LONG, class, sender},
    receiver::{Receiver, Reply},
};

async fn asked(receiver: &Receiver, secret: &Secret) -> Attempt {
    let (challenge, keys) = (Challenge::generate().unwrap(), [SigningKey::Symmetric(secret.clone())]);
    let headers = CustomHeaders::default();
    ask(&sender(), &challenge, &receiver.url(), &keys, &headers, LONG, Timestamp::now()).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_repeats_the_word_is_its_owners() {
    let (receiver, secret) = (Receiver::start([Reply::Echo]).await, Secret::generate().unwrap());
    assert_eq!(asked(&receiver, &secret).await.result, Ok(200));
    let request = receiver.requests().remove(0);
    verify(&VerifyingKey::Symmetric(secret), &request.headers, &request.body, Timestamp::now()).unwrap();
}

#[tokio::test]
async fn an_endpoint_that_only_says_ok_is_not() {
    let secret = Secret::generate().unwrap();
    let receiver = Receiver::start([Reply::with(200, &[], "ok"), Reply::status(404)]).await;
    assert_eq!(class(&asked(&receiver, &secret).await), "challenge");
    assert_eq!(class(&asked(&receiver, &secret).await), "http_4xx");
}
