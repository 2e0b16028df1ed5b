//! Endpoints that fail for days: their owners are told twice, and then the subscription is disabled.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use events_core::{
    EventType, NewEvent, Publisher, StoreError, Target,
    delivery::TargetEffect,
    ports::{TargetStates, Updated, WebhookSubscriptions},
    webhooks::{Status, Subscription},
};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    directory::{Directory, Endpoint},
    health::{Notice, Outage},
    rest::rest,
};

/// Keeps the outages of endpoints with their subscriptions.
pub(crate) struct Outages {
    pub(crate) subscriptions: Arc<dyn WebhookSubscriptions>,
    pub(crate) targets: Arc<dyn TargetStates>,
    pub(crate) directory: Directory,
    pub(crate) publisher: OnceLock<Publisher>,
    pub(crate) disabled_after: Duration,
}

impl Outages {
    /// Notes the end of a call. What cannot be noted now is noted with the next call.
    pub(crate) async fn note(&self, endpoint: &Endpoint, succeeded: bool, gone: bool, now: Timestamp) {
        let subscription = &endpoint.subscription;
        let noted = if gone {
            self.disable(subscription, "the endpoint answered 410 Gone", now).await
        } else {
            match endpoint.called(succeeded, now, self.disabled_after) {
                None => Ok(()),
                Some((outage, notice)) => self.changed(subscription, outage, notice, now).await,
            }
        };
        if let Err(error) = noted {
            self.directory.forget(&subscription.subscription_id.into());
            tracing::warn!(subscription.id = %subscription.subscription_id, "Failed to note the health of an endpoint: {error}");
        }
    }

    async fn changed(
        &self,
        subscription: &Subscription,
        outage: Outage,
        notice: Option<Notice>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if notice == Some(Notice::Disable) {
            let days = self.disabled_after.as_secs_f64() / 86_400.0;
            return self.disable(subscription, &format!("every delivery has failed for {days} days"), now).await;
        }
        let notices = match outage.noticed {
            None => 0,
            Some(Notice::Half) => 1,
            Some(_) => 2,
        };
        self.subscriptions.note_health(subscription.subscription_id, outage.failing_since, notices).await?;
        if let (Some(notice), Some(since)) = (notice, outage.failing_since) {
            let percent = if notice == Notice::Half { 50 } else { 90 };
            let disabled_at = since + jiff::SignedDuration::try_from(self.disabled_after).unwrap_or_default();
            let told = json!({
                "subscription_id": subscription.subscription_id, "url": subscription.url, "failing_since": since,
                "disabled_at": disabled_at, "percent": percent,
            });
            let key = format!("{}/{since}/{percent}", subscription.subscription_id);
            self.tell(subscription, EventType::from_static("webhook.subscription_failing"), told, key).await;
        }
        Ok(())
    }

    /// No further deliveries are made, and those that wait are held.
    async fn disable(&self, seen: &Subscription, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let target = Target::from(seen.subscription_id);
        let mut current = seen.clone();
        loop {
            if !matches!(current.status, Status::Enabled) {
                return Ok(()); // somebody else was quicker, or does not want it to be called anyway
            }
            current.status = Status::Disabled { reason: reason.to_owned(), at: now };
            current.updated_at = now;
            match self.subscriptions.update(current).await? {
                Updated::Done(_) => break,
                Updated::Conflict(changed) if changed.url != seen.url => return Ok(()), // that is another endpoint now
                Updated::Conflict(changed) => current = changed,
                Updated::Missing => return Ok(()),
            }
        }
        let effect = TargetEffect::Disable(reason.to_owned());
        rest(&*self.subscriptions, &*self.targets, seen.subscription_id, effect, now).await?;
        self.directory.forget(&target);
        tracing::warn!(subscription.id = %seen.subscription_id, "Disabled a webhook subscription: {reason}");
        let told =
            json!({ "subscription_id": seen.subscription_id, "url": seen.url, "reason": reason, "disabled_at": now });
        let key = format!("{}/{now}/disabled", seen.subscription_id);
        self.tell(seen, EventType::from_static("webhook.subscription_disabled"), told, key).await;
        Ok(())
    }

    /// Publishes an event of the subscription's organization; the key makes it one, however many processes tell.
    async fn tell(&self, subscription: &Subscription, event_type: EventType, payload: serde_json::Value, key: String) {
        let Some(publisher) = self.publisher.get() else { return };
        let event = NewEvent::new(event_type, payload).idempotency_key(key);
        let event = match &subscription.organization_id {
            Some(organization_id) => event.organization(organization_id),
            None => event,
        };
        if let Err(error) = publisher.publish(event).await {
            tracing::warn!(subscription.id = %subscription.subscription_id, "Failed to tell of an outage: {error}");
        }
    }
}
