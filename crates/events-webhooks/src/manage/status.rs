//! Enabling, pausing and disabling. The module page says why the row comes first.

use events_core::{
    HandlerName, Target,
    delivery::TargetEffect,
    webhooks::{HANDLER, Status, Subscription, SubscriptionId},
};
use jiff::SignedDuration;

use super::{ManageError, Webhooks};
use crate::rest::rest;

/// How long a paused target rests before the handler looks at the row again, and has it rest again. A wake-up that got
/// lost is made good within this time.
const REST: SignedDuration = SignedDuration::from_hours(1);

/// The reason of an owner who gives none.
const BY_OWNER: &str = "disabled by its owner";

impl Webhooks {
    /// Has deliveries made and sent; those that were held are due again. The record of its failures begins anew.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn enable(&self, id: SubscriptionId, organization_id: Option<&str>) -> Result<Subscription, ManageError> {
        self.get(id, organization_id).await?;
        // Before the row: an endpoint with five days of failures on record would be disabled by its next failure.
        self.0.shared.subscriptions.note_health(id, None, 0).await?;
        let enabled = self.set_status(id, organization_id, &Status::Enabled).await?;
        let now = self.0.shared.clock.now();
        self.0.shared.targets.resume(&HandlerName::from(HANDLER), Some(&Target::from(id)), now).await?;
        Ok(enabled)
    }

    /// Has deliveries made, and held until it is enabled.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn pause(&self, id: SubscriptionId, organization_id: Option<&str>) -> Result<Subscription, ManageError> {
        let paused = self.set_status(id, organization_id, &Status::Paused).await?;
        let now = self.0.shared.clock.now();
        let until = now.saturating_add(REST).unwrap_or(now);
        self.rest(id, TargetEffect::PauseUntil(until)).await?;
        Ok(paused)
    }

    /// Has no deliveries made; those that wait are held until it is enabled.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn disable(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<Subscription, ManageError> {
        let status = Status::Disabled { reason: BY_OWNER.to_owned(), at: self.0.shared.clock.now() };
        let disabled = self.set_status(id, organization_id, &status).await?;
        self.rest(id, TargetEffect::Disable(BY_OWNER.to_owned())).await?;
        Ok(disabled)
    }

    async fn set_status(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
        status: &Status,
    ) -> Result<Subscription, ManageError> {
        self.edit(id, organization_id, None, |subscription| {
            subscription.status = status.clone();
            Ok(())
        })
        .await
    }

    async fn rest(&self, id: SubscriptionId, effect: TargetEffect) -> Result<(), ManageError> {
        let shared = &self.0.shared;
        Ok(rest(&*shared.subscriptions, &*shared.targets, id, effect, shared.clock.now()).await?)
    }
}
