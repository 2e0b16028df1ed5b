//! What we send is accepted by the official Standard Webhooks libraries of Python and JavaScript, and what was changed
//! is not. Their versions and hashes are pinned beside this file; they are installed under the target directory.

mod libraries;

use std::collections::BTreeMap;

use events_webhooks::{
    sender::Call,
    signature::{PrivateKey, Secret, SigningKey},
};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::{
    given::{LONG, Message, sender},
    receiver::{Receiver, Request},
};

/// A message for a library to judge.
#[derive(Clone, Debug, Serialize)]
struct Case {
    #[serde(skip)]
    name: &'static str,
    #[serde(skip)]
    accepted: bool,
    key: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Case {
    fn of(name: &'static str, accepted: bool, key: &str, request: &Request) -> Self {
        let signed = ["webhook-id", "webhook-timestamp", "webhook-signature"];
        let header = |name: &str| (name.to_owned(), request.headers[name].to_str().unwrap().to_owned());
        let body = String::from_utf8(request.body.clone()).unwrap();
        Self { name, accepted, key: key.to_owned(), headers: signed.map(header).into(), body }
    }

    fn changed(mut self, name: &'static str, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        Self { name, accepted: false, ..self }
    }
}

/// A message as it arrives, sent with these keys at this time.
async fn arriving(message: &Message, keys: &[SigningKey], now: Timestamp) -> Request {
    let receiver = Receiver::start([]).await;
    let Message { id, envelope, custom_headers, .. } = message;
    let url = receiver.url();
    let call = Call { url: &url, message_id: id, keys, envelope, custom_headers, timeout: LONG, now };
    sender().send(call).await.result.unwrap();
    receiver.requests().remove(0)
}

async fn symmetric_cases() -> Vec<Case> {
    let [old, new, other] = [(); 3].map(|()| Secret::generate().unwrap());
    let text = |secret: &Secret| secret.to_text().expose_secret().to_owned();
    let key = |secret: &Secret| SigningKey::Symmetric(secret.clone());
    let private = SigningKey::Asymmetric(PrivateKey::generate().unwrap());
    let (message, now) = (Message::new(), Timestamp::now());
    let first = arriving(&message, &[key(&old)], now).await;
    let retry = arriving(&message, &[key(&old)], now - SignedDuration::from_secs(60)).await;
    let rotating = arriving(&message, &[private, key(&new), key(&old)], now).await;
    let late = arriving(&message, &[key(&old)], now - SignedDuration::from_secs(600)).await;
    assert_eq!(first.headers["webhook-id"], retry.headers["webhook-id"]);
    let good = Case::of("first attempt", true, &text(&old), &first);
    vec![
        Case::of("retry", true, &text(&old), &retry),
        Case::of("old key during a rotation", true, &text(&old), &rotating),
        Case::of("new key during a rotation", true, &text(&new), &rotating),
        Case::of("another key", false, &text(&other), &rotating),
        Case::of("ten minutes late", false, &text(&old), &late),
        good.clone().changed("changed body", |case| case.body = case.body.replace("inv_1", "inv_2")),
        good.clone().changed("changed id", |case| {
            case.headers.insert("webhook-id".into(), "evt_other".into());
        }),
        good.clone().changed("changed time", |case| {
            case.headers.insert("webhook-timestamp".into(), (now.as_second() - 1).to_string());
        }),
        good,
    ]
}

async fn asymmetric_cases() -> Vec<Case> {
    let [old, new] = [(); 2].map(|()| PrivateKey::generate().unwrap());
    let text = |key: &PrivateKey| key.public_key().to_string();
    let keys = [SigningKey::Asymmetric(new.clone()), SigningKey::Asymmetric(old.clone())];
    let (message, now) = (Message::new(), Timestamp::now());
    let first = arriving(&message, &keys[1..], now).await;
    let retry = arriving(&message, &keys[1..], now + SignedDuration::from_secs(60)).await;
    let rotating = arriving(&message, &keys, now).await;
    let good = Case::of("first attempt, asymmetric", true, &text(&old), &first);
    vec![
        Case::of("retry, asymmetric", true, &text(&old), &retry),
        Case::of("old key during a rotation, asymmetric", true, &text(&old), &rotating),
        Case::of("new key during a rotation, asymmetric", true, &text(&new), &rotating),
        Case::of("another key, asymmetric", false, &text(&new), &first),
        good.clone().changed("changed body, asymmetric", |case| case.body.push(' ')),
        good,
    ]
}

fn compare(cases: &[Case], verdicts: &[bool]) {
    assert_eq!(cases.len(), verdicts.len());
    for (case, accepted) in cases.iter().zip(verdicts) {
        assert_eq!(*accepted, case.accepted, "{}: {case:?}", case.name);
    }
}

#[tokio::test]
async fn the_library_for_python_accepts_what_we_sign_and_refuses_what_was_changed() {
    let cases = symmetric_cases().await;
    if let Some(verdicts) = libraries::python(&cases) {
        compare(&cases, &verdicts);
    }
}

#[tokio::test]
async fn the_library_for_javascript_accepts_what_we_sign_and_refuses_what_was_changed() {
    let cases = [symmetric_cases().await, asymmetric_cases().await].concat();
    if let Some(verdicts) = libraries::javascript(&cases) {
        compare(&cases, &verdicts);
    }
}
