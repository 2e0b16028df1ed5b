//! `GET /api/v1/deliveries`: who should learn of what, and how that stands.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    DeliveryId, HandlerName, Target,
    ports::{AttemptRecord, DeliveryQuery, DeliveryRecord, Page},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{Caller, MayRead},
    openapi,
    paging::Parameters,
    path::Name,
    problem::Problem,
};

/// A part of the deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryList {
    #[schema(value_type = Vec<openapi::Delivery>)]
    deliveries: Vec<DeliveryRecord>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// The attempts at one delivery.
#[derive(Serialize, ToSchema)]
pub(super) struct AttemptList {
    #[schema(value_type = Vec<openapi::Attempt>)]
    attempts: Vec<AttemptRecord>,
}

/// Lists deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "deliveries", params(openapi::DeliveryParameters),
    responses((status = 200, body = DeliveryList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_deliveries(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<DeliveryList>, Problem> {
    let mut parameters = Parameters::of(query);
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let query = DeliveryQuery {
        event_id: parameters.value(&["event_id", "eventId"], "the id of an event")?,
        handler: parameters.text(&["handler"])?.map(HandlerName::from),
        target: parameters.text(&["target"])?.map(Target::from),
        state: parameters.word(&["state", "status"], "pending, leased, succeeded, dead, dropped")?,
        organization_id: caller.scope_query(organization)?,
        page: parameters.page()?,
        ..DeliveryQuery::default()
    };
    parameters.finish("event_id, handler, target, state, organization_id, limit, offset, cursor")?;
    let Page { items, next } = api.history.deliveries(query).await?;
    Ok(Json(DeliveryList { deliveries: items, next }))
}

/// Lists the attempts at a delivery, first to last.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{delivery_id}/attempts", tag = "deliveries", params(("delivery_id" = i64, Path)),
    responses((status = 200, body = AttemptList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn list_attempts(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(delivery_id): Name,
) -> Result<Json<AttemptList>, Problem> {
    let missing = || Problem::not_found(format!("there is no delivery {delivery_id:?}"));
    let id: i64 = delivery_id.parse().map_err(|_| missing())?;
    let delivery = find(&api, &caller, DeliveryId(id)).await?.ok_or_else(missing)?;
    Ok(Json(AttemptList { attempts: api.history.attempts(delivery.delivery_id).await? }))
}

/// The delivery, where the caller may see it: the list begun just above it has it first.
async fn find(api: &Api, caller: &Caller, id: DeliveryId) -> Result<Option<DeliveryRecord>, Problem> {
    let mut query = DeliveryQuery { organization_id: caller.scope_query(None)?, ..DeliveryQuery::default() };
    query.page.limit = 1;
    query.page.cursor = Some(id.0.saturating_add(1));
    let first = api.history.deliveries(query).await?.items.pop();
    Ok(first.filter(|delivery| delivery.delivery_id == id))
}
