//! Calls that the caller waits for: a test event, and the ownership challenge.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Asked, shapes::EndpointCall};
use crate::http::{Api, auth::MayManage, path::Name, problem::Problem};

/// What came of a challenge.
#[derive(Serialize, ToSchema)]
pub(super) struct VerificationAnswer {
    /// Whether the subscription gets deliveries as far as its challenge is concerned.
    verified: bool,
    /// What the endpoint answered.
    challenge: EndpointCall,
}

/// Sends an event of type `webhook.test` to this endpoint now, and answers what it said.
///
/// The call is signed and formatted like any delivery. It is not stored or tried again, and does not count for the
/// endpoint's health. The answer is 200 whatever the endpoint said.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/test", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = EndpointCall), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn test_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Json<EndpointCall>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    Ok(Json(webhooks.test(id, organization_id).await?.into()))
}

/// Asks the endpoint to repeat a word, as proof that it is its owner's. Once it has, it gets deliveries.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/verify", tag = "webhooks",
    params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = VerificationAnswer), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 501, body = Problem),
    ),
)]
pub(super) async fn verify_subscription(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Json<VerificationAnswer>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let (subscription, verification) = webhooks.verify(id, organization_id).await?;
    let verified = subscription.verified_at.is_some();
    Ok(Json(VerificationAnswer { verified, challenge: verification.attempt.into() }))
}
