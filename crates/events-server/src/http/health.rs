//! `/health`: whether the system keeps up, for people, load balancers and alarms.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use events_core::ports::{Depth, TargetState};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, openapi};

/// Unprocessed events from which on the system counts as behind (R236, R237).
const UNPROCESSED: u64 = 1000;

/// How the system is (R236, C34).
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `healthy`, or `degraded` when the system is behind, a target is disabled or the store fails.
    status: &'static str,
    #[schema(value_type = String)]
    timestamp: Timestamp,
    events: EventsHealth,
    /// What waits, in detail; absent when the store fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<openapi::Depth>)]
    depth: Option<Depth>,
    /// Targets that are paused or disabled.
    #[schema(value_type = Vec<openapi::TargetState>)]
    targets: Vec<TargetState>,
    /// What the store says, when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Whether events are processed in time.
#[derive(Serialize, ToSchema)]
pub(super) struct EventsHealth {
    /// Events that are not processed yet; absent when the store fails.
    unprocessed: Option<u64>,
    /// Whether they are fewer than 1,000.
    healthy: bool,
}

/// How the system is. 503 only when the store does not answer.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(super) async fn health(State(api): State<Api>) -> Response {
    let timestamp = api.clock.now();
    let looked = async {
        let depth = api.history.depth(timestamp).await?;
        Ok::<_, events_core::StoreError>((depth, api.targets.troubled(timestamp).await?))
    };
    match looked.await {
        Ok((depth, targets)) => {
            let keeps_up = depth.unprocessed < UNPROCESSED;
            let all_enabled = targets.iter().all(|target| target.disabled_at.is_none());
            let health = Health {
                status: if keeps_up && all_enabled { "healthy" } else { "degraded" },
                timestamp,
                events: EventsHealth { unprocessed: Some(depth.unprocessed), healthy: keeps_up },
                depth: Some(depth),
                targets,
                error: None,
            };
            Json(health).into_response()
        }
        Err(error) => {
            let health = Health {
                status: "degraded",
                timestamp,
                events: EventsHealth { unprocessed: None, healthy: false },
                depth: None,
                targets: Vec::new(),
                error: Some(error.to_string()),
            };
            (StatusCode::SERVICE_UNAVAILABLE, Json(health)).into_response()
        }
    }
}

/// Whether the process runs. Needs nothing else.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200)))]
pub(super) async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether the process can serve: the store answers.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses((status = 200), (status = 503)))]
pub(super) async fn ready(State(api): State<Api>) -> StatusCode {
    match api.history.depth(api.clock.now()).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
