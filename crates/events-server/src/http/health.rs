//! `/health`: whether the system keeps up, for people, load balancers and alarms.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use events_core::{
    StoreError,
    ports::{Depth, TargetState},
};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::{Api, auth::MayReadAll, openapi, problem::Problem};

/// Unprocessed events from which on the system counts as behind (R236, R237).
const UNPROCESSED: u64 = 1000;

/// How the system is (R236, C34). Nothing more, unless a key allows it, since anybody may ask.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy`, or `degraded` when the system is behind, a target is disabled or the store fails.
    status: &'static str,
    #[schema(value_type = String)]
    timestamp: Timestamp,
    events: EventsHealth,
    /// For keys that may read and are not bound to an organization: what waits, and which targets rest.
    #[serde(flatten)]
    #[schema(inline)]
    detail: Option<HealthDetail>,
}

/// What concerns all organizations.
#[derive(Serialize, ToSchema)]
struct HealthDetail {
    #[schema(value_type = openapi::Depth)]
    depth: Depth,
    #[schema(value_type = Vec<openapi::TargetState>)]
    targets: Vec<TargetState>,
}

/// Whether events are processed in time.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsHealth {
    /// Events that are not processed yet; `null` when the store fails.
    unprocessed: Option<u64>,
    /// Whether they are fewer than 1,000.
    healthy: bool,
}

/// How the system is. 503 only when the store does not answer.
#[utoipa::path(
    get, path = "/health", tag = "health", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)),
)]
pub(super) async fn health(State(api): State<Api>, caller: Result<MayReadAll, Problem>) -> Response {
    let looked = api.last_look.fresh(&api).await;
    let timestamp = api.clock.now();
    let Ok(Looked { depth, targets }) = looked else {
        let events = EventsHealth { unprocessed: None, healthy: false };
        let health = Health { status: "degraded", timestamp, events, detail: None };
        return (StatusCode::SERVICE_UNAVAILABLE, Json(health)).into_response();
    };
    let healthy = depth.unprocessed < UNPROCESSED;
    let all_enabled = targets.iter().all(|target| target.disabled_at.is_none());
    let status = if healthy && all_enabled { "healthy" } else { "degraded" };
    let events = EventsHealth { unprocessed: Some(depth.unprocessed), healthy };
    let detail = caller.is_ok().then_some(HealthDetail { depth, targets });
    Json(Health { status, timestamp, events, detail }).into_response()
}

/// Whether the process runs. Needs nothing else.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200)))]
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether the process can serve: the store answers.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()), responses((status = 200), (status = 503)))]
pub(super) async fn ready(State(api): State<Api>) -> StatusCode {
    match api.last_look.fresh(&api).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// How much waits, in detail, over all organizations.
#[utoipa::path(
    get, path = "/api/v1/stats", tag = "health",
    responses((status = 200, body = openapi::Depth), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(super) async fn get_stats(State(api): State<Api>, _caller: MayReadAll) -> Result<Json<Depth>, Problem> {
    Ok(Json(api.last_look.fresh(&api).await?.depth))
}

/// The last look at the store. Whoever asks while one is under way waits for the next and shares
/// it, so however many ask, one at a time reads, and nobody gets an answer older than his question.
#[derive(Clone, Default)]
pub(crate) struct LastLook(Arc<Mutex<Option<Look>>>);

/// When it began, and what it found.
type Look = (Instant, Result<Looked, StoreError>);

#[derive(Clone)]
struct Looked {
    depth: Depth,
    targets: Vec<TargetState>,
}

impl LastLook {
    async fn fresh(&self, api: &Api) -> Result<Looked, StoreError> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((_, looked)) = last.as_ref().filter(|(begun, _)| *begun >= asked) {
            return looked.clone();
        }
        let begun = Instant::now();
        let looked = look(api).await;
        if let Err(error) = &looked {
            tracing::error!("Failed to look at the store for its health: {error}");
        }
        *last = Some((begun, looked.clone()));
        looked
    }
}

async fn look(api: &Api) -> Result<Looked, StoreError> {
    let now = api.clock.now();
    let depth = api.history.depth(now).await?;
    Ok(Looked { depth, targets: api.targets.troubled(now).await? })
}
