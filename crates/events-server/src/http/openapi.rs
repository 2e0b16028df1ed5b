//! The OpenAPI document: shapes of the core's types as they look in JSON.
//!
//! The core knows nothing of OpenAPI, so its types are described here, field by field. A test
//! holds real answers against these descriptions.

use axum::{Extension, body::Bytes, http::header::CONTENT_TYPE, response::IntoResponse};
use serde::Serialize;
use utoipa::{
    IntoParams, Modify, OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The document without its paths, which come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "events",
        description = "Publish what happened once; everyone who should know learns of it. \
                       All calls but /health and /openapi.json need an API key. Errors are application/problem+json."
    ),
    modifiers(&ApiKeySecurity),
    security(("api_key" = []))
)]
pub(super) struct Document;

struct ApiKeySecurity;

impl Modify for ApiKeySecurity {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_default().add_security_scheme("api_key", scheme);
    }
}

/// The finished document as JSON text, written once.
#[derive(Clone)]
pub(super) struct Text(pub(super) Bytes);

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "api", security(()),
    responses((status = 200, body = Object, content_type = "application/json")),
)]
pub(super) async fn get_document(Extension(Text(document)): Extension<Text>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], document)
}

/// An event to publish. The camelCase spellings of every field are accepted too.
#[derive(Serialize, ToSchema)]
pub(super) struct NewEvent {
    /// What happened: `segment.segment`, lower snake case.
    #[schema(example = "user.signup")]
    event_type: String,
    /// Event-specific JSON object, at most 256 KiB by default.
    #[schema(value_type = Object, example = json!({"email": "alice@example.com"}))]
    payload: (),
    /// A UUID of your own; publishing it again stores nothing new.
    event_id: Option<String>,
    /// Schema version of the payload; `1.0.0` by default.
    event_version: Option<String>,
    /// When it happened, RFC 3339; now by default.
    occurred_at: Option<String>,
    /// Who or what acted.
    actor: Option<String>,
    /// `user`, `system`, `webhook`, …
    actor_type: Option<String>,
    /// The tenant; also accepted as `tenant_id`.
    organization_id: Option<String>,
    metadata: Option<Metadata>,
    /// Publishing again with the same key, within the organization and 7 days, stores nothing new.
    idempotency_key: Option<String>,
}

/// Where an event came from.
#[derive(Serialize, ToSchema)]
pub(super) struct Metadata {
    ip_address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    source: String,
    /// `development`, `staging` or `production`.
    environment: String,
    trace_parent: Option<String>,
    /// The event that caused this one.
    causation_id: Option<String>,
    causation_depth: Option<u16>,
}

/// An event with its progress. Publishing answers without the progress, and with `duplicate`.
#[derive(Serialize, ToSchema)]
pub(super) struct Event {
    /// Position in the log.
    seq: Option<i64>,
    event_id: String,
    event_type: String,
    event_version: String,
    occurred_at: String,
    /// When it was recorded.
    created_at: String,
    actor: Option<String>,
    actor_type: Option<String>,
    organization_id: Option<String>,
    #[schema(value_type = Object)]
    payload: (),
    metadata: Metadata,
    idempotency_key: Option<String>,
    /// Whether every delivery reached a final state.
    processed: Option<bool>,
    processed_at: Option<String>,
    /// Attempts beyond the first, over all deliveries.
    retry_count: Option<u32>,
    last_error: Option<String>,
    /// In the answer to publishing: whether it had been published before.
    duplicate: Option<bool>,
}

/// One event for one handler at one target.
#[derive(Serialize, ToSchema)]
pub(super) struct Delivery {
    delivery_id: i64,
    event_id: String,
    event_type: String,
    handler: String,
    target: String,
    /// `pending`, `leased`, `succeeded`, `dead` or `dropped`.
    state: String,
    attempts: u32,
    due_at: Option<String>,
    ended_at: Option<String>,
    last_error: Option<String>,
}

/// One try at a delivery.
#[derive(Serialize, ToSchema)]
pub(super) struct Attempt {
    delivery_id: i64,
    handler: String,
    target: String,
    /// The first is 1.
    number: u32,
    /// `done`, `dropped`, `retry`, `dead` or `lost`.
    outcome: String,
    /// Whether the delivery ended with it.
    r#final: bool,
    /// Status code of the answer.
    status: Option<u16>,
    duration_ms: u32,
    error_class: Option<String>,
    error: Option<String>,
    /// Beginning of the answer.
    response: Option<String>,
    created_at: String,
}

/// A delivery that failed for good.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetter {
    delivery_id: i64,
    event: Event,
    handler: String,
    target: String,
    attempts: u32,
    reason_class: String,
    reason: String,
    created_at: String,
}

/// A route that does not lead to a delivery.
#[derive(Serialize, ToSchema)]
pub(super) struct WhyNot {
    handler: String,
    target: String,
    /// `other_type`, `excepted`, `other_organization` or `causation_loop`.
    reason: String,
}

/// A target that rests.
#[derive(Serialize, ToSchema)]
pub(super) struct TargetState {
    handler: String,
    target: String,
    paused_until: Option<String>,
    disabled_at: Option<String>,
    reason: Option<String>,
    /// Deliveries that wait for it.
    waiting: u64,
}

/// What waits.
#[derive(Serialize, ToSchema)]
pub(super) struct Depth {
    unprocessed: u64,
    unrouted: u64,
    due: u64,
    scheduled: u64,
    leased: u64,
    dead: u64,
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiKey {
    key_id: String,
    name: String,
    /// Of `publish`, `read`, `manage`, `admin`.
    scopes: Vec<String>,
    organization_id: Option<String>,
    created_at: String,
}

/// Filters of events.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct TimelineParameters {
    /// Events of this actor; also `userId`.
    actor: Option<String>,
    /// Events of this organization.
    organization_id: Option<String>,
    /// Types or patterns (`billing.*`), repeated or separated by commas; also `eventTypes`. Aliases are included.
    event_types: Option<Vec<String>>,
    /// Recorded at or after, RFC 3339.
    since: Option<String>,
    /// Recorded before, RFC 3339.
    until: Option<String>,
    /// Events after this position, oldest first (not in the timeline).
    after: Option<i64>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    /// Events to pass over.
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// Filters of deliveries.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct DeliveryParameters {
    event_id: Option<String>,
    handler: Option<String>,
    target: Option<String>,
    /// `pending`, `leased`, `succeeded`, `dead` or `dropped`.
    state: Option<String>,
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// Filters of dead letters.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct DeadLetterParameters {
    handler: Option<String>,
    target: Option<String>,
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    offset: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}
