//! Webhook subscriptions for tests, told in one line each.

use std::sync::Arc;

use super::at;
use crate::{
    event::Pattern,
    routing::Filter,
    webhooks::{Format, Scheme, Sealed, SecretId, Status, Subscription, SubscriptionId, WebhookSecret},
};

/// A subscription of this organization to everything, enabled and verified.
#[must_use]
pub fn subscription(organization_id: &str) -> SubscriptionBuilder {
    let subscription_id = SubscriptionId::random();
    SubscriptionBuilder(Subscription {
        subscription_id,
        organization_id: Some(organization_id.to_owned()),
        url: format!("https://receiver.example/{subscription_id}"),
        events: vec![Pattern::All],
        filter: None,
        description: String::new(),
        headers: Vec::new(),
        retry: None,
        timeout: None,
        rate_limit: None,
        format: Format::Standard,
        signing: Scheme::V1,
        status: Status::Enabled,
        verified_at: Some(at(0)),
        failing_since: None,
        notices: 0,
        revision: 1,
        created_at: at(0),
        updated_at: at(0),
    })
}

/// The secret of a subscription, made at the start of [`ManualClock`](super::ManualClock).
#[must_use]
pub fn secret(subscription_id: SubscriptionId) -> WebhookSecret {
    WebhookSecret {
        secret_id: SecretId::random(),
        subscription_id,
        scheme: Scheme::V1,
        key_id: "k1".to_owned(),
        sealed: Sealed::new(vec![7; 40]),
        public_key: None,
        created_at: at(0),
        expires_at: None,
    }
}

/// A subscription in the making.
#[derive(Clone, Debug)]
pub struct SubscriptionBuilder(Subscription);

impl SubscriptionBuilder {
    /// Of no organization: to every event of the installation.
    #[must_use]
    pub fn of_everybody(mut self) -> Self {
        self.0.organization_id = None;
        self
    }

    /// To these types.
    ///
    /// # Panics
    /// When one is no pattern.
    #[must_use]
    pub fn events(mut self, patterns: &[&str]) -> Self {
        let patterns = patterns.iter().map(|pattern| pattern.parse().expect("tests name valid patterns"));
        self.0.events = patterns.collect();
        self
    }

    /// With this filter.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn filter(mut self, json: &str) -> Self {
        self.0.filter = Some(Arc::new(Filter::parse(json.as_bytes()).expect("tests write valid filters")));
        self
    }

    /// In this status.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.0.status = status;
        self
    }

    /// With an ownership challenge that is unanswered.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.0.verified_at = None;
        self
    }

    /// The subscription.
    #[must_use]
    pub fn build(self) -> Subscription {
        self.0
    }
}
