//! `/api/v1/webhooks`: subscriptions, through the same door as their owners.

mod auditing;
mod calls;
mod command;
mod endpoint;
mod explaining;
mod listening;
mod organizations;
mod refusals;
mod secrets;
mod sending_again;
mod statistics;
mod subscriptions;

use reqwest::Method;
use serde_json::{Value, json};

pub(crate) use self::endpoint::Endpoint;
use crate::server::{Answer, Server, answer, text};

pub(crate) const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";

/// A server that may call this machine.
pub(crate) async fn server() -> Server {
    Server::configured("[webhooks]\nallow_http = true\nallow_networks = \"127.0.0.0/8\"\n").await
}

impl Server {
    /// Makes a subscription; it must be taken.
    pub(crate) async fn subscribe(&self, request: &Value) -> Value {
        let made = self.post(SUBSCRIPTIONS, request).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body
    }

    pub(crate) async fn patch(&self, subscription: &Value, changes: &Value) -> Answer {
        answer(self.call(Method::PATCH, &path(subscription, "")).json(changes)).await
    }

    /// Calls one of the actions of a subscription.
    pub(crate) async fn act(&self, subscription: &Value, action: &str, body: &Value) -> Answer {
        self.post(&path(subscription, action), body).await
    }
}

/// The path of a subscription, or of one of its actions.
pub(crate) fn path(subscription: &Value, action: &str) -> String {
    let path = format!("{SUBSCRIPTIONS}/{}", text(&subscription["subscription_id"]));
    if action.is_empty() { path } else { format!("{path}/{action}") }
}

/// An invoice of this organization.
fn invoice(number: &str, organization: &str) -> Value {
    json!({
        "event_type": "invoice.created", "organization_id": organization,
        "payload": { "invoice_id": number, "amount": 120.5, "currency": "EUR" },
    })
}
