//! `/api/v1/dead-letters`: deliveries that failed for good, and the way back.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    DeliveryId, HandlerName, Target,
    ports::{AttemptRecord, DeadLetter, DeadLetterQuery, Page, RedriveFilter, TargetState},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Api,
    auth::{MayManage, MayRead},
    body::Object,
    openapi,
    paging::{Parameters, gather},
    path::Name,
    problem::Problem,
};

/// Dead letters redriven by one call; the answer tells whether to call again.
const MAX_REDRIVE: usize = 10_000;

/// A part of the dead letters.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetterList {
    #[schema(value_type = Vec<openapi::DeadLetter>)]
    dead_letters: Vec<DeadLetter>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// A dead letter with its attempts.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetterStory {
    #[serde(flatten)]
    #[schema(value_type = openapi::DeadLetter)]
    dead_letter: DeadLetter,
    #[schema(value_type = Vec<openapi::Attempt>)]
    tries: Vec<AttemptRecord>,
}

/// Which dead letters to redrive. At least one filter, or `all`.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Redrive {
    /// These deliveries, at most 10,000.
    delivery_ids: Option<Vec<i64>>,
    /// Of this handler.
    handler: Option<String>,
    /// To this target.
    target: Option<String>,
    /// Every dead letter that the key can see; with another filter, that filter decides.
    all: bool,
}

/// How many are on their way again.
#[derive(Serialize, ToSchema)]
pub(super) struct Redriven {
    redriven: usize,
}

/// Lists dead letters, newest first.
#[utoipa::path(
    get, path = "/api/v1/dead-letters", tag = "dead letters", params(openapi::DeadLetterParameters),
    responses((status = 200, body = DeadLetterList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_dead_letters(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<DeadLetterList>, Problem> {
    let mut parameters = Parameters::of(query);
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let query = DeadLetterQuery {
        handler: parameters.text(&["handler"])?.map(HandlerName::from),
        target: parameters.text(&["target"])?.map(Target::from),
        organization_id: caller.scope_query(organization)?,
        page: parameters.page()?,
        ..DeadLetterQuery::default()
    };
    parameters.finish("handler, target, organization_id, limit, offset, cursor")?;
    let read = |page| api.history.dead_letters(DeadLetterQuery { page, ..query.clone() });
    let weight = |letter: &DeadLetter| letter.event.weight();
    let Page { items, next } = gather(query.page.clone(), weight, read).await?;
    Ok(Json(DeadLetterList { dead_letters: items, next }))
}

/// One dead letter with all attempts.
#[utoipa::path(
    get, path = "/api/v1/dead-letters/{delivery_id}", tag = "dead letters", params(("delivery_id" = i64, Path)),
    responses((status = 200, body = DeadLetterStory), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn get_dead_letter(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(delivery_id): Name,
) -> Result<Json<DeadLetterStory>, Problem> {
    let missing = || Problem::not_found(format!("there is no dead letter {delivery_id:?}"));
    let id: i64 = delivery_id.parse().map_err(|_| missing())?;
    let query = DeadLetterQuery {
        delivery_id: Some(DeliveryId(id)),
        organization_id: caller.scope_query(None)?,
        ..DeadLetterQuery::default()
    };
    let dead_letter = api.history.dead_letters(query).await?.items.pop().ok_or_else(missing)?;
    let tries = api.history.attempts(dead_letter.delivery_id).await?;
    Ok(Json(DeadLetterStory { dead_letter, tries }))
}

/// Tries dead letters again, oldest first, at most 10,000 a call, and enables their targets.
#[utoipa::path(
    post, path = "/api/v1/dead-letters/redrive", tag = "dead letters", request_body = Redrive,
    responses((status = 200, body = Redriven), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn redrive(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Object(wanted): Object<Redrive>,
) -> Result<Json<Redriven>, Problem> {
    if !wanted.all && wanted.delivery_ids.is_none() && wanted.handler.is_none() && wanted.target.is_none() {
        return Err(Problem::invalid_field(
            "body",
            "names nothing; give delivery_ids, handler or target, or \"all\": true",
        ));
    }
    if let Some(ids) = wanted.delivery_ids.as_ref().filter(|ids| ids.len() > MAX_REDRIVE) {
        let problem = format!("names {} deliveries, the limit is {MAX_REDRIVE}; send them in several calls", ids.len());
        return Err(Problem::invalid_field("delivery_ids", problem));
    }
    let filter = RedriveFilter {
        deliveries: wanted.delivery_ids.map(|ids| ids.into_iter().map(DeliveryId).collect()),
        handler: wanted.handler.map(HandlerName::from),
        target: wanted.target.map(Target::from),
        organization_id: caller.scope_query(None)?,
        limit: MAX_REDRIVE,
    };
    let now = api.clock.now();
    if caller.organization().is_some() {
        wakes_nobody(&filter, &api.targets.troubled(now).await?)?;
    }
    let redriven = api.store.redrive(filter, now).await?;
    api.engine.wake();
    Ok(Json(Redriven { redriven }))
}

/// Redriving enables targets. All organizations share them, so a key of one organization may only
/// redrive where no target rests.
fn wakes_nobody(filter: &RedriveFilter, at_rest: &[TargetState]) -> Result<(), Problem> {
    let concerned = |state: &&TargetState| {
        filter.handler.as_ref().is_none_or(|handler| *handler == state.handler)
            && filter.target.as_ref().is_none_or(|target| *target == state.target)
    };
    match at_rest.iter().find(concerned) {
        None => Ok(()),
        Some(state) => Err(Problem::forbidden(format!(
            "the target {} of {} rests, and redriving would wake it for all organizations; \
             resume it first with a key that is not bound to an organization",
            state.target, state.handler
        ))),
    }
}
