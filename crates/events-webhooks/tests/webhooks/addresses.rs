//! Names that resolve to what must not be called, and names that change their mind.

use std::sync::Arc;

use events_webhooks::{
    address::{AddressPolicy, literal_address},
    sender::{Sender, SenderOptions},
};
use url::Url;

use crate::{
    given::{LONG, Message, ScriptedLookup, class},
    receiver::Receiver,
};

/// A sender whose resolver answers by script and which may call public addresses and 127.0.0.2 only.
fn strict(name: &str, answers: &[&'static str]) -> Sender {
    let policy = AddressPolicy::allowing(["127.0.0.2/32".parse().unwrap()]);
    let lookup = Arc::new(ScriptedLookup::of(name, answers));
    Sender::new(SenderOptions { policy, lookup, ..SenderOptions::default() }).unwrap()
}

fn url(name: &str, receiver: &Receiver) -> Url {
    format!("http://{name}:{}/", receiver.port).parse().unwrap()
}

#[tokio::test]
async fn a_name_for_a_forbidden_address_is_refused_and_not_connected_to() {
    let receiver = Receiver::start([]).await;
    for answer in ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "64:ff9b::7f00:1"] {
        let sender = strict("inside.example", &[answer]);
        let attempt = Message::new().send(&sender, &url("inside.example", &receiver), LONG).await;
        assert_eq!(class(&attempt), "forbidden_address", "{answer}");
        assert!(attempt.detail.response.is_none());
    }
    assert_eq!(receiver.connections(), 0);
}

/// The name is good when it is vetted and bad when it is called. Only the call's own answer counts.
#[tokio::test]
async fn a_name_that_changes_its_mind_wins_nothing() {
    let receiver = Receiver::start([]).await;
    let sender = strict("rebinding.example", &["127.0.0.2", "127.0.0.1"]);
    assert!(sender.resolver().vet("rebinding.example").await.is_ok());
    let attempt = Message::new().send(&sender, &url("rebinding.example", &receiver), LONG).await;
    assert_eq!(class(&attempt), "forbidden_address");
    // And the address that was vetted for the call is the one that is called: nobody listens on 127.0.0.2.
    let sender = strict("rebinding.example", &["127.0.0.2", "127.0.0.1"]);
    let attempt = Message::new().send(&sender, &url("rebinding.example", &receiver), LONG).await;
    assert_eq!(class(&attempt), "connect");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn literal_addresses_are_vetted_before_each_call() {
    let receiver = Receiver::start([]).await;
    let sender = strict("unused.example", &["127.0.0.2"]);
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"] {
        let url = url(host, &receiver);
        assert!(literal_address(&url).is_some(), "{host}");
        assert_eq!(class(&Message::new().send(&sender, &url, LONG).await), "forbidden_address", "{host}");
    }
    assert_eq!(receiver.connections(), 0);
}
