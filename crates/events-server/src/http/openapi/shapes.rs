//! Shapes of the core's types as they look in JSON.

use serde::Serialize;
use utoipa::ToSchema;

/// An event to publish. The camelCase spellings of every field are accepted too.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct NewEvent {
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

/// One event or many.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read by the derive only")]
pub(in crate::http) enum Publish {
    /// One event.
    One(Box<NewEvent>),
    /// At most 10,000 events, stored together.
    Many(Vec<NewEvent>),
}

/// Where an event came from.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Metadata {
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
pub(in crate::http) struct Event {
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
pub(in crate::http) struct Delivery {
    delivery_id: i64,
    event_id: String,
    event_type: String,
    event_created_at: String,
    handler: String,
    target: String,
    /// `pending`, `leased`, `succeeded`, `dead` or `dropped`.
    state: String,
    attempts: u32,
    due_at: Option<String>,
    ended_at: Option<String>,
    last_error: Option<String>,
    /// Status code that the latest attempt was answered with.
    last_status: Option<u16>,
}

/// One try at a delivery.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Attempt {
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
pub(in crate::http) struct DeadLetter {
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
pub(in crate::http) struct WhyNot {
    handler: String,
    target: String,
    /// `other_type`, `excepted`, `other_organization`, `causation_loop` or `filtered`.
    reason: String,
}

/// A target that rests.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct TargetState {
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
pub(in crate::http) struct Depth {
    unprocessed: u64,
    unrouted: u64,
    due: u64,
    scheduled: u64,
    leased: u64,
    dead: u64,
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ApiKey {
    key_id: String,
    name: String,
    /// Of `publish`, `read`, `manage`, `admin`.
    scopes: Vec<String>,
    organization_id: Option<String>,
    created_at: String,
}
