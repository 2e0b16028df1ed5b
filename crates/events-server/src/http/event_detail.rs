//! `GET /api/v1/events/{id}`: one event, who learned of it, and why others did not.

use axum::{
    Json,
    extract::{Path, State},
};
use events_core::{
    EventId,
    ports::{AttemptRecord, DeliveryQuery, DeliveryRecord, EventDetail, Page, PageRequest, Scope},
    routing::{WhyNot, explain},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, auth::Caller, openapi, problem::Problem};

/// Deliveries shown with an event; more are listed under `/api/v1/deliveries?event_id=`.
const DELIVERIES: usize = 100;

/// An event with everything that came of it.
#[derive(Serialize, ToSchema)]
pub(super) struct EventStory {
    #[serde(flatten)]
    #[schema(value_type = openapi::Event)]
    event: EventDetail,
    /// Who should learn of it, and how that went.
    deliveries: Vec<DeliveryStory>,
    /// Routes that do not lead to a delivery, with the reason.
    #[schema(value_type = Vec<openapi::WhyNot>)]
    why_not: Vec<WhyNot>,
}

/// A delivery with its attempts.
#[derive(Serialize, ToSchema)]
struct DeliveryStory {
    #[serde(flatten)]
    #[schema(value_type = openapi::Delivery)]
    delivery: DeliveryRecord,
    #[schema(value_type = Vec<openapi::Attempt>)]
    tries: Vec<AttemptRecord>,
}

/// One event with its deliveries, their attempts, and why other routes did not apply.
#[utoipa::path(
    get, path = "/api/v1/events/{event_id}", tag = "events", params(("event_id" = String, Path)),
    responses((status = 200, body = EventStory), (status = 401, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn get_event(
    State(api): State<Api>,
    caller: Caller,
    Path(event_id): Path<String>,
) -> Result<Json<EventStory>, Problem> {
    caller.may(Scope::Read)?;
    let missing = || Problem::not_found(format!("there is no event {event_id:?}"));
    let event_id: EventId = event_id.parse().map_err(|_| missing())?;
    let event = api.history.event(event_id, caller.organization()).await?.ok_or_else(missing)?;
    let query = DeliveryQuery {
        event_id: Some(event_id),
        page: PageRequest { limit: DELIVERIES, ..PageRequest::default() },
        ..DeliveryQuery::default()
    };
    let Page { items, .. } = api.history.deliveries(query).await?;
    let mut deliveries = Vec::with_capacity(items.len());
    for delivery in items {
        let tries = api.history.attempts(delivery.delivery_id).await?;
        deliveries.push(DeliveryStory { delivery, tries });
    }
    let why_not = explain(&api.engine.routing_table(), &event.event);
    Ok(Json(EventStory { event, deliveries, why_not }))
}
