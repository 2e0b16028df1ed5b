//! Why a subscription gets an event, or does not.

use axum::{Json, extract::State};
use events_core::{EventId, routing};
use events_webhooks::manage::Obstacle;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Asked,
    fields::{Fields, required},
};
use crate::http::{Api, auth::MayRead, body::Text, openapi, path::Name, problem::Problem};

/// Why a subscription gets an event, or does not, as the subscription is now.
#[derive(Serialize, ToSchema)]
pub(super) struct WhyOrWhyNot {
    #[schema(value_type = String)]
    event_id: EventId,
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    /// Whether nothing stands in the way.
    matched: bool,
    /// What stands in the way, all of it: `disabled`, `unverified`, `published_before`, `other_organization`,
    /// `other_type`, `filtered`, `causation_loop`.
    #[schema(value_type = Vec<String>)]
    obstacles: Vec<Obstacle>,
    /// The patterns of the subscription that match the type.
    matching_events: Vec<String>,
    /// The filter, condition by condition, with what was found in the event; absent without a filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<openapi::FilterExplanation>)]
    filter: Option<routing::Explanation>,
}

/// Says for a stored event whether the subscription gets it, and why: organization, type, and each condition of the
/// filter with the value that was found.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/explain", tag = "webhooks",
    request_body = openapi::ExplainRequest, params(("subscription_id" = String, Path)),
    responses(
        (status = 200, body = WhyOrWhyNot), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 501, body = Problem),
    ),
)]
pub(super) async fn explain_event(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(id): Name,
    Text(body): Text,
) -> Result<Json<WhyOrWhyNot>, Problem> {
    let Asked { webhooks, id, organization_id } = Asked::of(&api, &caller, &id)?;
    let mut fields = Fields::read(&body, &["event_id"])?;
    let event_id = required(fields.text("event_id")?, "event_id", "give the id of a published event")?;
    let event_id =
        event_id.parse().map_err(|_| Problem::invalid_field("event_id", "is no UUID; copy it from the timeline"))?;
    let explained = webhooks.explain(id, event_id, organization_id).await?;
    Ok(Json(WhyOrWhyNot {
        event_id,
        event_type: explained.event.event_type.to_string(),
        organization_id: explained.event.organization_id,
        matched: explained.obstacles.is_empty(),
        obstacles: explained.obstacles,
        matching_events: explained.matching.iter().map(ToString::to_string).collect(),
        filter: explained.filter,
    }))
}
