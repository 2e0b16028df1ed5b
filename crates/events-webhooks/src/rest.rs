//! The rest of a target whose subscription is not to be called.

use events_core::{
    HandlerName, StoreError, Target,
    delivery::TargetEffect,
    ports::{TargetStates, WebhookSubscriptions},
    webhooks::{HANDLER, Status, SubscriptionId},
};
use jiff::Timestamp;

/// Has the target of a subscription rest, after its row was changed.
///
/// Enabling changes the row and then ends the rest. When that happens between the change of the row that led here and
/// this rest, nobody else would end it, so the row is looked at once more.
///
/// # Errors
/// [`StoreError`]; the target may rest or not.
pub(crate) async fn rest(
    subscriptions: &dyn WebhookSubscriptions,
    targets: &dyn TargetStates,
    id: SubscriptionId,
    effect: TargetEffect,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (handler, target) = (HandlerName::from(HANDLER), Target::from(id));
    targets.rest(&handler, &target, effect, now).await?;
    let row = subscriptions.subscription(id, None).await?;
    if row.is_some_and(|it| it.status == Status::Enabled) {
        targets.resume(&handler, Some(&target), now).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use events_core::{
        testkit::{MemoryStore, secret, subscription},
        webhooks::Subscription,
    };

    use super::*;

    async fn rests_as(status: Status) -> bool {
        let (store, now) = (MemoryStore::new(), Timestamp::now());
        let subscription = Subscription { status, ..subscription("org_1").build() };
        let id = subscription.subscription_id;
        assert!(store.create(subscription, secret(id)).await.unwrap());
        rest(&store, &store, id, TargetEffect::Disable("gone".to_owned()), now).await.unwrap();
        !store.troubled(now).await.unwrap().is_empty()
    }

    #[tokio::test]
    async fn the_rest_of_one_that_was_enabled_meanwhile_ends() {
        assert!(rests_as(Status::Paused).await);
        assert!(!rests_as(Status::Enabled).await);
    }
}
