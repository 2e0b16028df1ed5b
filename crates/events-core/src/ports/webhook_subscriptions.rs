//! Webhook subscriptions and their signing secrets, as a store keeps them.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    history::{Page, PageRequest},
    store::StoreError,
};
use crate::webhooks::{Subscription, SubscriptionId, WebhookSecret};

/// Keeps webhook subscriptions.
///
/// # Promises of an implementation
/// - Those of [`EventStore`](super::EventStore): `Ok` is durable, every method is atomic, times come in as arguments.
/// - Where an organization is named, a subscription of another one, or of none, is as if it were not there.
/// - A change of the routes that follow from subscriptions ([`Subscription::route`]) makes the
///   [`RoutesVersion`](super::RoutesVersion) grow, also when it is made by plain SQL; another change does not.
#[async_trait]
pub trait WebhookSubscriptions: Send + Sync {
    /// Stores a subscription and its first secret. `false`, and nothing is changed, when there is one with this id:
    /// asking again after [`StoreError::Unknown`] is safe.
    async fn create(&self, subscription: Subscription, secret: WebhookSecret) -> Result<bool, StoreError>;

    /// The subscription with this id, or `None`.
    async fn subscription(
        &self,
        subscription_id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Option<Subscription>, StoreError>;

    /// Subscriptions newest first.
    async fn list(&self, query: SubscriptionQuery) -> Result<Page<Subscription>, StoreError>;

    /// Changes the subscription with this id, of this organization, if its revision is still the given one; the next
    /// revision is one greater. What is known of its health stays as it is stored, and so does when it was made.
    async fn update(&self, subscription: Subscription) -> Result<Updated, StoreError>;

    /// Removes a subscription and its secrets; `false` when there is none with this id. Attempts that were made for
    /// it stay readable, and what waits for it is left to its handler.
    async fn delete(&self, subscription_id: SubscriptionId, organization_id: Option<&str>) -> Result<bool, StoreError>;

    /// Subscriptions of all organizations in the order of their ids, after one, at most `limit`: for those who keep
    /// them all at hand.
    async fn all(&self, after: Option<SubscriptionId>, limit: usize) -> Result<Vec<Subscription>, StoreError>;

    /// The secrets of a subscription, newest first, expired ones included.
    async fn secrets(&self, subscription_id: SubscriptionId) -> Result<Vec<WebhookSecret>, StoreError>;

    /// Adds a secret and lets the others of its subscription expire at `others_expire_at`, unless they do so earlier.
    /// Those that had expired when this one was made are removed. `false`, and nothing is changed, when there is no
    /// such subscription or it has a secret with this id.
    async fn add_secret(&self, secret: WebhookSecret, others_expire_at: Timestamp) -> Result<bool, StoreError>;

    /// Notes the health of a subscription, which is no revision of it: since when every delivery has failed, and how
    /// many warnings were given. `false` when there is none with this id.
    async fn note_health(
        &self,
        subscription_id: SubscriptionId,
        failing_since: Option<Timestamp>,
        notices: u8,
    ) -> Result<bool, StoreError>;
}

const _: Option<&dyn WebhookSubscriptions> = None; // usable as a trait object

/// Filters of the list of subscriptions; absent ones do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionQuery {
    /// Of this organization.
    pub organization_id: Option<String>,
    /// Which part.
    pub page: PageRequest,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Updated {
    /// It is made; this is how the subscription is now.
    Done(Subscription),
    /// Somebody else changed it first; this is how it is now.
    Conflict(Subscription),
    /// There is none with this id, of this organization.
    Missing,
}
