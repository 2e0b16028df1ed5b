//! What most tests begin with: a sender that may call this machine, and a message.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use events_core::{
    ports::WebhookSubscriptions,
    testkit::{self, MemoryStore},
    webhooks::{SecretId, Subscription},
};
use events_webhooks::{
    CustomHeaders, Vault,
    address::{AddressPolicy, Lookup},
    envelope::{Envelope, Format, message_id},
    sealing::Keyring,
    sender::{Attempt, Call, Sender, SenderOptions},
    signature::{Secret, SigningKey},
};
use jiff::Timestamp;
use url::Url;

use crate::receiver::Receiver;

/// A timeout that no test waits for.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// A timeout that tests wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A resolver with a script: the answers to each name, one after the other, the last one for ever.
#[derive(Clone, Default)]
pub(crate) struct ScriptedLookup(Arc<Mutex<HashMap<String, Vec<&'static str>>>>);

impl ScriptedLookup {
    pub(crate) fn of(name: &str, answers: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new([(name.to_owned(), answers.to_vec())].into())))
    }
}

#[async_trait]
impl Lookup for ScriptedLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(name).ok_or_else(|| io::Error::other("no such name"))?;
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Ok(vec![answer.parse().unwrap()])
    }
}

/// A sender that may call this machine.
pub(crate) fn sender() -> Sender {
    Sender::new(SenderOptions { policy: loopback(), ..SenderOptions::default() }).unwrap()
}

pub(crate) fn loopback() -> AddressPolicy {
    AddressPolicy::allowing(["127.0.0.0/8".parse().unwrap()])
}

/// A vault with a key of the tests.
pub(crate) fn vault() -> Vault {
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".into();
    Vault::new(Keyring::new(("1", &key), []).unwrap())
}

/// Subscribes a receiver to invoices, signed with this key, with a header of the customer's.
pub(crate) async fn subscribe(
    store: &MemoryStore,
    vault: &Vault,
    receiver: &Receiver,
    key: &SigningKey,
    change: impl FnOnce(&mut Subscription),
) -> Subscription {
    let mut subscription = testkit::subscription("org_1").events(&["invoice.*"]).build();
    subscription.url = receiver.url().to_string();
    let value = "token-of-the-customer".into();
    let headers = CustomHeaders::new([("X-Api-Key", &value)]).unwrap();
    subscription.headers = vault.seal_headers(subscription.subscription_id, &headers).unwrap();
    change(&mut subscription);
    let (id, now) = (subscription.subscription_id, Timestamp::now());
    let sealed = vault.seal_key(SecretId::random(), id, key, now).unwrap();
    assert!(store.create(subscription.clone(), sealed).await.unwrap());
    subscription
}

/// A message with a secret and custom headers.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) envelope: Envelope,
    pub(crate) custom_headers: CustomHeaders,
}

impl Message {
    pub(crate) fn new() -> Self {
        let event = testkit::event("invoice.created").payload(serde_json::json!({ "invoice_id": "inv_1" })).build();
        let value = "token-of-the-customer".into();
        Self {
            id: message_id(event.event_id),
            secret: Secret::generate().unwrap(),
            envelope: Envelope::of(&event, Format::Standard).unwrap(),
            custom_headers: CustomHeaders::new([("X-Api-Key", &value)]).unwrap(),
        }
    }

    pub(crate) async fn send(&self, sender: &Sender, url: &Url, timeout: Duration) -> Attempt {
        let keys = [SigningKey::Symmetric(self.secret.clone())];
        let call = Call {
            url,
            message_id: &self.id,
            keys: &keys,
            envelope: &self.envelope,
            custom_headers: &self.custom_headers,
            timeout,
            now: Timestamp::now(),
        };
        sender.send(call).await
    }
}

/// Sends a message to a URL and returns what came of it.
pub(crate) async fn attempt(url: &Url, timeout: Duration) -> Attempt {
    Message::new().send(&sender(), url, timeout).await
}

/// The class of a failed attempt.
pub(crate) fn class(attempt: &Attempt) -> &str {
    attempt.result.as_ref().unwrap_err().class.as_str()
}
