//! Enabling, pausing and disabling.

use axum::{extract::State, response::Response};

use super::{Asked, shapes::WebhookSubscription, subscriptions::shown};
use crate::http::{Api, auth::MayManage, path::Name, problem::Problem};

/// Enables a subscription. Deliveries that were held are sent; the record of its failures begins anew.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/enable", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = WebhookSubscription), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn enable_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Response, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let enabled = webhooks.enable(id, organization_id).await?;
    api.engine.wake();
    Ok(shown(enabled))
}

/// Pauses a subscription. Deliveries are made and held until it is enabled.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/pause", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = WebhookSubscription), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn pause_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Response, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    Ok(shown(webhooks.pause(id, organization_id).await?))
}

/// Disables a subscription. No deliveries are made; those that wait are held until it is enabled.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/disable", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = WebhookSubscription), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn disable_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Response, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    Ok(shown(webhooks.disable(id, organization_id).await?))
}
