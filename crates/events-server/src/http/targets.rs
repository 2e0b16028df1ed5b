//! `/api/v1/targets`: targets that rest, and how to wake them.

use axum::{Json, extract::State};
use events_core::{HandlerName, Target, ports::TargetState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    auth::{MayManageAll, MayReadAll},
    body::Object,
    openapi,
    problem::Problem,
};

/// Targets that are paused or disabled.
#[derive(Serialize, ToSchema)]
pub(super) struct TargetList {
    #[schema(value_type = Vec<openapi::TargetState>)]
    targets: Vec<TargetState>,
}

/// Which targets to resume.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    /// Whose targets.
    handler: String,
    /// This target; all of the handler, where it is absent.
    target: Option<String>,
}

/// How many rest no longer.
#[derive(Serialize, ToSchema)]
pub(super) struct Resumed {
    resumed: usize,
}

/// Lists targets that are paused (they asked for rest) or disabled (they refused for good).
#[utoipa::path(
    get, path = "/api/v1/targets", tag = "targets",
    responses((status = 200, body = TargetList), (status = 401, body = Problem), (status = 403, body = Problem)),
)]
pub(super) async fn list_targets(State(api): State<Api>, _caller: MayReadAll) -> Result<Json<TargetList>, Problem> {
    Ok(Json(TargetList { targets: api.targets.troubled(api.clock.now()).await? }))
}

/// Ends pauses and disablement; what waited is delivered.
#[utoipa::path(
    post, path = "/api/v1/targets/resume", tag = "targets", request_body = Resume,
    responses((status = 200, body = Resumed), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn resume_targets(
    State(api): State<Api>,
    _caller: MayManageAll,
    Object(Resume { handler, target }): Object<Resume>,
) -> Result<Json<Resumed>, Problem> {
    let target = target.map(Target::from);
    let resumed = api.targets.resume(&HandlerName::from(handler), target.as_ref(), api.clock.now()).await?;
    api.engine.wake();
    Ok(Json(Resumed { resumed }))
}
