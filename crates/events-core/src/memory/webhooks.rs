//! Webhook subscriptions, their secrets, and the routes that follow from them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::{
    ports::{Page, RoutesVersion, StoreError, StoredRoutes, SubscriptionQuery, Updated, WebhookSubscriptions},
    routing::Route,
    webhooks::{Subscription, SubscriptionId, WebhookSecret},
};

/// Subscriptions and secrets.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    /// In the order in which they were made.
    subscriptions: BTreeMap<i64, Subscription>,
    /// The number given out last.
    last: i64,
    /// Oldest first.
    secrets: Vec<WebhookSecret>,
    /// Of the routes that follow from the subscriptions.
    pub(super) version: RoutesVersion,
}

impl Webhooks {
    pub(super) fn subscriptions(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values()
    }

    fn find(&mut self, subscription_id: SubscriptionId, organization_id: Option<&str>) -> Option<&mut Subscription> {
        let mut all = self.subscriptions.values_mut();
        all.find(|it| it.subscription_id == subscription_id && is_visible(it, organization_id))
    }

    /// Makes the version grow when a change concerns routing.
    fn changed(&mut self, before: Option<Route>, after: Option<Route>) {
        if before != after {
            self.version.0 += 1;
        }
    }

    fn update(&mut self, new: Subscription) -> Updated {
        let organization_id = new.organization_id.clone();
        let current = self.find(new.subscription_id, None).filter(|it| it.organization_id == organization_id);
        let Some(current) = current else { return Updated::Missing };
        if current.revision != new.revision {
            return Updated::Conflict(current.clone());
        }
        let before = current.route();
        *current = Subscription {
            revision: current.revision + 1,
            failing_since: current.failing_since,
            notices: current.notices,
            created_at: current.created_at,
            ..new
        };
        let after = current.clone();
        self.changed(before, after.route());
        Updated::Done(after)
    }

    fn add_secret(&mut self, secret: WebhookSecret, others_expire_at: Timestamp) -> bool {
        let is_known = self.secrets.iter().any(|other| other.secret_id == secret.secret_id);
        if is_known || self.find(secret.subscription_id, None).is_none() {
            return false;
        }
        let is_sibling = |other: &WebhookSecret| other.subscription_id == secret.subscription_id;
        self.secrets.retain(|it| !is_sibling(it) || it.expires_at.is_none_or(|expires| expires > secret.created_at));
        for other in self.secrets.iter_mut().filter(|other| is_sibling(other)) {
            let earliest = other.expires_at.map_or(others_expire_at, |expires| expires.min(others_expire_at));
            other.expires_at = Some(earliest);
        }
        self.secrets.push(secret);
        true
    }
}

/// Whether one who sees this organization only, or everything, sees the subscription.
fn is_visible(subscription: &Subscription, organization_id: Option<&str>) -> bool {
    organization_id.is_none() || subscription.organization_id.as_deref() == organization_id
}

#[async_trait]
impl WebhookSubscriptions for MemoryStore {
    async fn create(&self, subscription: Subscription, secret: WebhookSecret) -> Result<bool, StoreError> {
        let webhooks = &mut self.state().webhooks;
        if webhooks.find(subscription.subscription_id, None).is_some() {
            return Ok(false);
        }
        webhooks.changed(None, subscription.route());
        webhooks.last += 1;
        webhooks.subscriptions.insert(webhooks.last, subscription);
        webhooks.secrets.push(secret);
        Ok(true)
    }

    async fn subscription(
        &self,
        subscription_id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Option<Subscription>, StoreError> {
        Ok(self.state().webhooks.find(subscription_id, organization_id).cloned())
    }

    async fn list(&self, query: SubscriptionQuery) -> Result<Page<Subscription>, StoreError> {
        let state = self.state();
        let all = state.webhooks.subscriptions.iter().rev();
        let visible = all.filter(|(number, it)| {
            query.page.cursor.is_none_or(|cursor| **number < cursor) && is_visible(it, query.organization_id.as_deref())
        });
        let mut items: Vec<_> = visible.skip(query.page.offset).take(query.page.limit + 1).collect();
        let more = items.len() > query.page.limit;
        items.truncate(query.page.limit);
        let next = items.last().map(|(number, _)| **number).filter(|_| more);
        Ok(Page { items: items.into_iter().map(|(_, it)| it.clone()).collect(), next })
    }

    async fn update(&self, subscription: Subscription) -> Result<Updated, StoreError> {
        Ok(self.state().webhooks.update(subscription))
    }

    async fn delete(&self, subscription_id: SubscriptionId, organization_id: Option<&str>) -> Result<bool, StoreError> {
        let webhooks = &mut self.state().webhooks;
        let Some(gone) = webhooks.find(subscription_id, organization_id).cloned() else { return Ok(false) };
        webhooks.subscriptions.retain(|_, it| it.subscription_id != subscription_id);
        webhooks.secrets.retain(|secret| secret.subscription_id != subscription_id);
        webhooks.changed(gone.route(), None);
        Ok(true)
    }

    async fn all(&self, after: Option<SubscriptionId>, limit: usize) -> Result<Vec<Subscription>, StoreError> {
        let state = self.state();
        let mut all: Vec<_> = state.webhooks.subscriptions.values().collect();
        all.sort_by_key(|it| it.subscription_id);
        let later = all.into_iter().filter(|it| after.is_none_or(|after| it.subscription_id > after));
        Ok(later.take(limit).cloned().collect())
    }

    async fn secrets(&self, subscription_id: SubscriptionId) -> Result<Vec<WebhookSecret>, StoreError> {
        let state = self.state();
        let newest_first = state.webhooks.secrets.iter().rev();
        Ok(newest_first.filter(|secret| secret.subscription_id == subscription_id).cloned().collect())
    }

    async fn add_secret(&self, secret: WebhookSecret, others_expire_at: Timestamp) -> Result<bool, StoreError> {
        Ok(self.state().webhooks.add_secret(secret, others_expire_at))
    }

    async fn note_health(
        &self,
        subscription_id: SubscriptionId,
        failing_since: Option<Timestamp>,
        notices: u8,
    ) -> Result<bool, StoreError> {
        let webhooks = &mut self.state().webhooks;
        let Some(subscription) = webhooks.find(subscription_id, None) else { return Ok(false) };
        (subscription.failing_since, subscription.notices) = (failing_since, notices);
        Ok(true)
    }
}

#[async_trait]
impl StoredRoutes for MemoryStore {
    async fn stored_routes(&self) -> Result<(RoutesVersion, Vec<Route>), StoreError> {
        let state = self.state();
        let routes = state.webhooks.subscriptions.values().filter_map(Subscription::route);
        Ok((state.webhooks.version, routes.collect()))
    }
}
