//! `GET /api/v1/events/{id}`: one event, who learned of it, and why others did not.

use std::sync::Arc;

use axum::{Json, extract::State};
use events_core::{
    EventId,
    ports::{AttemptRecord, DeliveryQuery, DeliveryRecord, EventDetail, Page, PageRequest},
    routing::{Route, RoutingTable, WhyNot, explain},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{Caller, MayRead},
    openapi,
    path::Name,
    problem::Problem,
};

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
    /// Where there are more than 100 deliveries: `cursor` of the others under
    /// `/api/v1/deliveries?event_id=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
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
    responses((status = 200, body = EventStory), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn get_event(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(event_id): Name,
) -> Result<Json<EventStory>, Problem> {
    let missing = || Problem::not_found(format!("there is no event {event_id:?}"));
    let event_id: EventId = event_id.parse().map_err(|_| missing())?;
    let event = api.history.event(event_id, caller.organization()).await?.ok_or_else(missing)?;
    let query = DeliveryQuery {
        event_id: Some(event_id),
        page: PageRequest { limit: DELIVERIES, ..PageRequest::default() },
        ..DeliveryQuery::default()
    };
    let Page { items, next } = api.history.deliveries(query).await?;
    let mut deliveries = Vec::with_capacity(items.len());
    for delivery in items {
        let tries = api.history.attempts(delivery.delivery_id).await?;
        deliveries.push(DeliveryStory { delivery, tries });
    }
    let why_not = explain(&*visible_routes(&api, &caller).await?, &event.event);
    Ok(Json(EventStory { event, deliveries, next, why_not }))
}

/// The routes that the caller may know of: its own organization's and those of nobody's.
async fn visible_routes(api: &Api, caller: &Caller) -> Result<Arc<RoutingTable>, Problem> {
    let table = api.engine.routing_table().await?;
    let Some(own) = caller.organization() else { return Ok(table) };
    let visible = |route: &&Route| route.organization_id.as_deref().is_none_or(|organization| organization == own);
    if table.routes().iter().all(|route| visible(&route)) {
        return Ok(table);
    }
    let routes = table.routes().iter().filter(visible).cloned().collect();
    Ok(Arc::new(RoutingTable::new(api.catalog.clone(), routes)))
}
