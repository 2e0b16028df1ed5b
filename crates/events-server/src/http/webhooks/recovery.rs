//! Jobs that make deliveries again: recovering what failed, replaying past events to a subscription.

use axum::{
    Json,
    extract::{RawQuery, State},
    http::StatusCode,
};
use events_core::{
    failed_letters, part_of_log,
    ports::{DeadLetterQuery, Page, PageRequest, ReplayEnd, ReplayQuery},
    webhooks::{Replay, ReplayId, ReplayKind, ReplayState, Selection, SubscriptionId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::deliveries::{shown, visible_subscription};
use crate::http::{
    Api,
    auth::{Caller, MayManage, MayRead},
    body::Object,
    event_list::{TIME, spellings},
    paging::Parameters,
    path::Name,
    problem::Problem,
};

/// Deliveries a second, unless the caller says otherwise, and at most.
const DEFAULT_RATE: u32 = 50;
const MAX_RATE: u32 = 1_000;
/// What is looked at for a count at most: so many dead letters or events.
const COUNTED: u64 = 10_000;
/// As much of it at once.
const COUNTED_AT_ONCE: usize = 500;
/// Types that a replay may be narrowed to.
const MAX_TYPES: usize = 50;

/// What to make again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Deliveries that failed for good, or events recorded, at or after this time, RFC 3339.
    since: String,
    /// And before this time; now by default.
    until: Option<String>,
    /// Types or patterns; all that the subscription asks for by default. Only for a replay.
    #[serde(default)]
    event_types: Vec<String>,
    /// Deliveries a second at most, 1 to 1000, 50 by default.
    rate: Option<u32>,
    /// Only count.
    #[serde(default)]
    dry_run: bool,
}

/// A job that makes deliveries again, or what it would make.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplayView {
    #[serde(flatten)]
    #[schema(value_type = ReplayShape)]
    replay: Replay,
    /// How much of it is done, from 0 to 1.
    progress: f64,
}

impl From<Replay> for ReplayView {
    fn from(replay: Replay) -> Self {
        Self { progress: replay.progress(), replay }
    }
}

/// A job.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplayShape {
    replay_id: String,
    /// `recover` or `replay`.
    kind: String,
    organization_id: Option<String>,
    subscription_id: String,
    event_types: Vec<String>,
    since: String,
    until: String,
    rate: u32,
    /// `running`, `done`, `cancelled` or `failed`.
    state: String,
    /// Why it failed.
    reason: Option<String>,
    /// Deliveries it will make, as far as was known; absent when there were more than are counted.
    total: Option<u64>,
    /// Deliveries made.
    made: u64,
    created_by: String,
    created_at: String,
    updated_at: String,
    ended_at: Option<String>,
}

/// What a job would make.
#[derive(Serialize, ToSchema)]
pub(super) struct Preview {
    /// Always true: nothing was made.
    dry_run: bool,
    /// Deliveries it would make, as far as was counted.
    count: u64,
    /// Whether there may be more: only the first 10,000 dead letters or events were looked at.
    more: bool,
}

/// A job, or what it would make.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Answer {
    /// It runs.
    Job(Box<ReplayView>),
    /// It was only counted.
    Preview(Preview),
}

/// Filters of jobs.
#[derive(IntoParams)]
#[expect(dead_code, reason = "read by the derive only")]
pub(super) struct ReplayParameters {
    /// Of this subscription.
    subscription_id: Option<String>,
    /// `running`, `done`, `cancelled` or `failed`.
    state: Option<String>,
    /// Of this organization's subscriptions.
    organization_id: Option<String>,
    /// 1 to 1000, 50 by default.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<i64>,
}

/// A part of the jobs.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplayList {
    replays: Vec<ReplayView>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Has every delivery of a subscription that failed for good since a time made again.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/recover", tag = "webhook deliveries",
    params(("subscription_id" = String, Path)), request_body = Wanted,
    responses((status = 202, body = Answer), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn recover_failed(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(subscription_id): Name,
    Object(wanted): Object<Wanted>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    if !wanted.event_types.is_empty() {
        return Err(Problem::invalid_field("event_types", "is for a replay only; leave it out"));
    }
    begin(&api, &caller, ReplayKind::Recover, &subscription_id, wanted).await
}

/// Has past events delivered to a subscription: those that it asks for now, also from before it was made.
#[utoipa::path(
    post, path = "/api/v1/webhooks/subscriptions/{subscription_id}/replay", tag = "webhook deliveries",
    params(("subscription_id" = String, Path)), request_body = Wanted,
    responses((status = 202, body = Answer), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn replay_events(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(subscription_id): Name,
    Object(wanted): Object<Wanted>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    if wanted.event_types.len() > MAX_TYPES {
        let problem = format!("names {} types, the limit is {MAX_TYPES}", wanted.event_types.len());
        return Err(Problem::invalid_field("event_types", problem));
    }
    begin(&api, &caller, ReplayKind::Replay, &subscription_id, wanted).await
}

async fn begin(
    api: &Api,
    caller: &Caller,
    kind: ReplayKind,
    subscription_id: &str,
    wanted: Wanted,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let subscription = visible_subscription(api, caller, subscription_id).await?;
    let mut job = planned(api, caller, kind, subscription.subscription_id, &wanted)?;
    job.organization_id.clone_from(&subscription.organization_id);
    let Some(selection) = Selection::of(&job, &subscription, api.catalog.clone()) else {
        let problem = "gets no deliveries: it is disabled or not verified; enable it first";
        return Err(Problem::invalid_field("subscription_id", problem));
    };
    let (count, more) = match kind {
        ReplayKind::Recover => {
            (job.first, job.last) = (i64::MAX, 0);
            count_letters(api, &job).await?
        }
        ReplayKind::Replay => {
            let (first, last) = part_of_log(&*api.history, job.since).await?;
            (job.first, job.last) = (first.0, last.0);
            count_events(api, &job, &selection).await?
        }
    };
    if wanted.dry_run {
        return Ok((StatusCode::OK, Json(Answer::Preview(Preview { dry_run: true, count, more }))));
    }
    job.position = job.first;
    job.total = (!more).then_some(count);
    api.replays.start(job.clone()).await?;
    tracing::info!(replay.id = %job.replay_id, kind = kind.as_str(), "A replay begins");
    Ok((StatusCode::ACCEPTED, Json(Answer::Job(Box::new(job.into())))))
}

/// The job that is asked for, without its positions.
fn planned(
    api: &Api,
    caller: &Caller,
    kind: ReplayKind,
    subscription_id: SubscriptionId,
    wanted: &Wanted,
) -> Result<Replay, Problem> {
    let now = api.clock.now();
    let since = time("since", &wanted.since)?;
    let until = wanted.until.as_deref().map_or(Ok(now), |until| time("until", until))?;
    if since >= until {
        return Err(Problem::invalid_field("since", format!("must be before `until`, which is {until}")));
    }
    let rate = wanted.rate.unwrap_or(DEFAULT_RATE);
    if !(1..=MAX_RATE).contains(&rate) {
        return Err(Problem::invalid_field("rate", format!("must be from 1 to {MAX_RATE}, but is {rate}")));
    }
    Ok(Replay {
        replay_id: ReplayId::random(),
        kind,
        organization_id: None,
        subscription_id,
        event_types: spellings(api, &wanted.event_types)?,
        since,
        until,
        rate,
        state: ReplayState::Running,
        reason: None,
        first: 0,
        position: 0,
        last: 0,
        total: None,
        made: 0,
        created_by: caller.name().to_owned(),
        created_at: now,
        updated_at: now,
        ended_at: None,
    })
}

fn time(field: &str, text: &str) -> Result<Timestamp, Problem> {
    text.parse().map_err(|_| Problem::invalid_field(field, format!("must be {TIME}, but is {:?}", shown(text))))
}

/// How many dead letters, and whether there are more.
async fn count_letters(api: &Api, job: &Replay) -> Result<(u64, bool), Problem> {
    let (mut count, mut cursor) = (0, None);
    loop {
        let page = PageRequest { limit: COUNTED_AT_ONCE, offset: 0, cursor };
        let Page { items, next } = api.history.dead_letters(DeadLetterQuery { page, ..failed_letters(job) }).await?;
        count += items.len() as u64;
        if next.is_none() || count >= COUNTED {
            return Ok((count, next.is_some()));
        }
        cursor = next;
    }
}

/// How many events are wanted among the first that come into question, and whether there are more to look at.
async fn count_events(api: &Api, job: &Replay, selection: &Selection) -> Result<(u64, bool), Problem> {
    let (mut count, mut looked_at, mut position) = (0, 0, job.first);
    while position < job.last {
        if looked_at >= COUNTED {
            return Ok((count, true));
        }
        let events = api.history.scan(events_core::Seq(position), COUNTED_AT_ONCE).await?;
        let Some(last) = events.last() else { break };
        position = last.seq.0;
        looked_at += events.len() as u64;
        count += events.iter().filter(|it| it.seq.0 <= job.last && selection.wants(&it.event)).count() as u64;
    }
    Ok((count, false))
}

/// Lists jobs that make deliveries again, newest first.
#[utoipa::path(
    get, path = "/api/v1/replays", tag = "webhook deliveries", params(ReplayParameters),
    responses((status = 200, body = ReplayList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_replays(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<ReplayList>, Problem> {
    let mut parameters = Parameters::of(query);
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let query = ReplayQuery {
        organization_id: caller.scope_query(organization)?,
        subscription_id: parameters.value(&["subscription_id", "subscriptionId"], "the id of a subscription")?,
        state: parameters.word(&["state", "status"], "running, done, cancelled, failed")?,
        page: parameters.page()?,
    };
    parameters.finish("subscription_id, state, organization_id, limit, offset, cursor")?;
    let Page { items, next } = api.replays.replays(query).await?;
    Ok(Json(ReplayList { replays: items.into_iter().map(Into::into).collect(), next }))
}

/// Shows a job.
#[utoipa::path(
    get, path = "/api/v1/replays/{replay_id}", tag = "webhook deliveries", params(("replay_id" = String, Path)),
    responses((status = 200, body = ReplayView), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn get_replay(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    Name(id): Name,
) -> Result<Json<ReplayView>, Problem> {
    let found = api.replays.replay(parse(&id)?, caller.organization()).await?;
    found.map(|replay| Json(replay.into())).ok_or_else(|| missing(&id))
}

/// Cancels a job. What it has made stays made; one that has ended stays as it is.
#[utoipa::path(
    post, path = "/api/v1/replays/{replay_id}/cancel", tag = "webhook deliveries", params(("replay_id" = String, Path)),
    responses((status = 200, body = ReplayView), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)),
)]
pub(super) async fn cancel_replay(
    State(api): State<Api>,
    MayManage(caller): MayManage,
    Name(id): Name,
) -> Result<Json<ReplayView>, Problem> {
    let end = ReplayEnd { state: ReplayState::Cancelled, reason: None, at: api.clock.now() };
    let ended = api.replays.end(parse(&id)?, caller.organization(), end).await?;
    ended.map(|replay| Json(replay.into())).ok_or_else(|| missing(&id))
}

fn parse(id: &str) -> Result<ReplayId, Problem> {
    id.parse().map_err(|_| missing(id))
}

fn missing(id: &str) -> Problem {
    Problem::not_found(format!("there is no replay {:?}", shown(id)))
}
