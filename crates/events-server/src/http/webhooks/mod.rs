//! The API of webhooks.

mod deliveries;
mod recovery;

use events_core::webhooks::{HANDLER, Subscription, SubscriptionId};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Api, auth::Caller, problem::Problem};

/// The routes of webhooks.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(deliveries::list_webhook_deliveries))
        .routes(routes!(deliveries::list_subscription_deliveries))
        .routes(routes!(deliveries::get_webhook_delivery))
        .routes(routes!(deliveries::resend_webhook_delivery))
        .routes(routes!(recovery::recover_failed))
        .routes(routes!(recovery::replay_events))
        .routes(routes!(recovery::list_replays))
        .routes(routes!(recovery::get_replay))
        .routes(routes!(recovery::cancel_replay))
}

/// The subscription with this id, where the caller may see it.
async fn visible_subscription(api: &Api, caller: &Caller, id: &str) -> Result<Subscription, Problem> {
    let missing = || Problem::not_found(format!("there is no webhook subscription {:?}", shown(id)));
    let subscription_id: SubscriptionId = id.parse().map_err(|_| missing())?;
    api.subscriptions.subscription(subscription_id, caller.organization()).await?.ok_or_else(missing)
}

/// As much of what was asked for as fits into an answer.
fn shown(id: &str) -> String {
    id.chars().take(60).collect()
}
