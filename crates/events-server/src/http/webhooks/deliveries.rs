//! Deliveries of webhooks: lists, one with its attempts, and sending one again.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    DeliveryId, Pattern,
    delivery::DeliveryStatus,
    ports::{AttemptRecord, DeliveryQuery, DeliveryRecord, Page, Resend, ResendOutcome, Resent},
    webhooks::{HANDLER, Subscription, SubscriptionId},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::http::{
    Api,
    auth::{Caller, MayManage, MayRead},
    event_list::{TIME, event_types},
    paging::{Parameters, gather},
    path::Name,
    problem::Problem,
};

const ALLOWED: &str =
    "subscription_id, status, event_type, since, until, event_id, organization_id, limit, offset, cursor";

/// Filters of deliveries of webhooks.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct WebhookDeliveryParameters {
    /// To this subscription (not below a subscription).
    subscription_id: Option<String>,
    /// `pending` (not tried, or under way), `failed` (will be tried again), `succeeded`, `dead` (failed for good) or
    /// `dropped`.
    status: Option<String>,
    /// Types or patterns (`billing.*`), repeated or separated by commas.
    event_type: Option<Vec<String>>,
    /// Of events recorded at or after, RFC 3339.
    since: Option<String>,
    /// Of events recorded before, RFC 3339.
    until: Option<String>,
    /// Of this event.
    event_id: Option<String>,
    /// Of events of this organization.
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default. A page of large events may be shorter.
    limit: Option<usize>,
    /// Deliveries to pass over.
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// A delivery to an endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDelivery {
    delivery_id: i64,
    subscription_id: String,
    event_id: String,
    event_type: String,
    /// When the event was recorded.
    #[schema(value_type = String)]
    event_created_at: Timestamp,
    /// The payload of the event.
    #[schema(value_type = Object)]
    event_data: Option<Value>,
    /// `pending`, `failed`, `succeeded`, `dead` or `dropped`.
    #[schema(value_type = String)]
    status: DeliveryStatus,
    /// Tries begun, since it was last sent again.
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    ended_at: Option<Timestamp>,
    /// Error of the latest try that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Status code of the latest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
}

impl From<DeliveryRecord> for WebhookDelivery {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            status: record.status(),
            delivery_id: record.delivery_id.0,
            subscription_id: record.target.to_string(),
            event_id: record.event_id.to_string(),
            event_type: record.event_type.to_string(),
            event_created_at: record.event_created_at,
            event_data: record.payload.and_then(|payload| payload.to_value().ok()),
            attempts: record.attempts,
            next_attempt_at: record.due_at,
            ended_at: record.ended_at,
            last_error: record.last_error,
            last_status: record.last_status,
        }
    }
}

/// A part of the deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDeliveryList {
    deliveries: Vec<WebhookDelivery>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// One try at a delivery.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookAttempt {
    /// The first is 1.
    number: u32,
    /// `done`, `retry`, `dead`, `dropped` or `lost`.
    outcome: String,
    /// Status code of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    duration_ms: u32,
    /// Group of the failure, such as `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it ended.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// `request_headers` without secrets, the `response` with its headers and the beginning of its body, and the
    /// `times` that the parts of the call took.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

impl From<AttemptRecord> for WebhookAttempt {
    fn from(record: AttemptRecord) -> Self {
        let detail = record.detail.and_then(|detail| detail.to_value().ok());
        let detail = match detail {
            Some(Value::Object(detail)) => detail,
            _ => record.response.map(|body| ("response".to_owned(), body.into())).into_iter().collect(),
        };
        let word = serde_json::to_value(record.outcome).unwrap_or_default();
        Self {
            number: record.number,
            outcome: word.as_str().unwrap_or_default().to_owned(),
            status: record.status,
            duration_ms: record.duration_ms,
            error_class: record.error_class.map(|class| class.as_str().to_owned()),
            error: record.error,
            created_at: record.created_at,
            detail,
        }
    }
}

/// A delivery with every try at it.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDeliveryStory {
    #[serde(flatten)]
    delivery: WebhookDelivery,
    tries: Vec<WebhookAttempt>,
}

/// What is on its way again.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookResent {
    /// `redriven`: it was dead, and comes again under its id; `made_anew`: a new delivery was made; `made_due`: it
    /// waited and is sent now; `under_way`: it is being sent, and nothing was changed.
    #[schema(value_type = String)]
    outcome: ResendOutcome,
    /// The delivery that is on its way.
    delivery_id: i64,
}

/// Lists deliveries of webhooks, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries", tag = "webhook deliveries", params(WebhookDeliveryParameters),
    responses((status = 200, body = WebhookDeliveryList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_webhook_deliveries(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookDeliveryList>, Problem> {
    let mut parameters = Parameters::of(query);
    let subscription = parameters.text(&["subscription_id", "subscriptionId"])?;
    list(&api, &caller, subscription.as_deref(), parameters).await
}

/// Lists the deliveries of a subscription, newest first.
#[utoipa::path(
    get, path = "/api/v1/webhooks/subscriptions/{subscription_id}/deliveries", tag = "webhook deliveries",
    params(("subscription_id" = String, Path), WebhookDeliveryParameters),
    responses((status = 200, body = WebhookDeliveryList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_subscription_deliveries(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(subscription_id): Name,
    RawQuery(query): RawQuery,
) -> Result<Json<WebhookDeliveryList>, Problem> {
    list(&api, &caller, Some(&subscription_id), Parameters::of(query)).await
}

async fn list(
    api: &Api,
    caller: &Caller,
    subscription: Option<&str>,
    mut parameters: Parameters,
) -> Result<Json<WebhookDeliveryList>, Problem> {
    const STATUSES: &str = "pending, failed, succeeded, dead, dropped";
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let target = match subscription {
        Some(id) => Some(visible_subscription(api, caller, id).await?.subscription_id.into()),
        None => None,
    };
    let types: Vec<Pattern> = event_types(api, &mut parameters)?;
    let query = DeliveryQuery {
        handler: Some(HANDLER.into()),
        target,
        status: parameters.word(&["status"], STATUSES)?,
        event_types: types,
        since: parameters.value::<Timestamp>(&["since"], TIME)?,
        until: parameters.value::<Timestamp>(&["until"], TIME)?,
        event_id: parameters.value(&["event_id", "eventId"], "the id of an event")?,
        organization_id: caller.scope_query(organization)?,
        with_payload: true,
        page: parameters.page()?,
        ..DeliveryQuery::default()
    };
    parameters.finish(ALLOWED)?;
    let read = |page| api.history.deliveries(DeliveryQuery { page, ..query.clone() });
    let weight = |record: &DeliveryRecord| record.payload.as_ref().map_or(0, |payload| payload.as_str().len());
    let Page { items, next } = gather(query.page.clone(), weight, read).await?;
    Ok(Json(WebhookDeliveryList { deliveries: items.into_iter().map(Into::into).collect(), next }))
}

/// Shows a delivery with every try at it.
#[utoipa::path(
    get, path = "/api/v1/webhooks/deliveries/{delivery_id}", tag = "webhook deliveries",
    params(("delivery_id" = i64, Path)),
    responses((status = 200, body = WebhookDeliveryStory), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn get_webhook_delivery(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(delivery_id): Name,
) -> Result<Json<WebhookDeliveryStory>, Problem> {
    let query = DeliveryQuery {
        delivery_id: Some(parse(&delivery_id)?),
        handler: Some(HANDLER.into()),
        organization_id: caller.scope_query(None)?,
        with_payload: true,
        ..DeliveryQuery::default()
    };
    let record = api.history.deliveries(query).await?.items.pop().ok_or_else(|| missing(&delivery_id))?;
    let tries = api.history.attempts(record.delivery_id).await?;
    Ok(Json(WebhookDeliveryStory { delivery: record.into(), tries: tries.into_iter().map(Into::into).collect() }))
}

/// Sends a delivery again. The receiver sees the same `webhook-id` as before.
#[utoipa::path(
    post, path = "/api/v1/webhooks/deliveries/{delivery_id}/resend", tag = "webhook deliveries",
    params(("delivery_id" = i64, Path)),
    responses((status = 202, body = WebhookResent), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn resend_webhook_delivery(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(delivery_id): Name,
) -> Result<(axum::http::StatusCode, Json<WebhookResent>), Problem> {
    let wanted = Resend {
        delivery_id: parse(&delivery_id)?,
        handler: Some(HANDLER.into()),
        organization_id: caller.scope_query(None)?,
    };
    let resent = api.replays.resend(wanted, api.clock.now()).await?.ok_or_else(|| missing(&delivery_id))?;
    api.engine.wake();
    let Resent { outcome, delivery_id } = resent;
    Ok((axum::http::StatusCode::ACCEPTED, Json(WebhookResent { outcome, delivery_id: delivery_id.0 })))
}

/// The subscription with this id, where the caller may see it; also while webhooks are off.
pub(super) async fn visible_subscription(api: &Api, caller: &Caller, id: &str) -> Result<Subscription, Problem> {
    let missing = || Problem::not_found(format!("there is no webhook subscription {:?}", shown(id)));
    let subscription_id: SubscriptionId = id.parse().map_err(|_| missing())?;
    api.subscriptions.subscription(subscription_id, caller.organization()).await?.ok_or_else(missing)
}

/// As much of what was asked for as fits into an answer.
pub(super) fn shown(id: &str) -> String {
    id.chars().take(60).collect()
}

fn parse(delivery_id: &str) -> Result<DeliveryId, Problem> {
    delivery_id.parse().map(DeliveryId).map_err(|_| missing(delivery_id))
}

fn missing(delivery_id: &str) -> Problem {
    Problem::not_found(format!("there is no delivery {:?} of a webhook", shown(delivery_id)))
}
