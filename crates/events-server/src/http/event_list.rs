//! `GET /api/v1/events` and `/timeline`: events newest first, or from a position on.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    Pattern, Seq,
    ports::{EventDetail, Page, PageRequest, TimelineQuery},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{Caller, MayRead},
    openapi,
    paging::{Parameters, gather},
    problem::Problem,
};

const ALLOWED: &str = "actor (or userId), organization_id, event_types, since, until, limit, offset, cursor";
const ALLOWED_TO_FOLLOW: &str = "after, actor (or userId), organization_id, event_types, since, until, limit";
/// Types and patterns in one query; the store tries each of them, and their aliases, for each row.
const MAX_TYPES: usize = 100;
/// Positions of the log that a follower's call looks at, at most.
const WINDOW: usize = 200;

/// A part of the log.
#[derive(Serialize, ToSchema)]
pub(super) struct EventList {
    /// Events with their progress (R226).
    #[schema(value_type = Vec<openapi::Event>)]
    events: Vec<EventDetail>,
    /// `cursor` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Lists events, newest first; filters combine with AND. With `after`, lists the events after
/// that position in the log, oldest first: for followers.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(openapi::TimelineParameters),
    responses((status = 200, body = EventList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn list_events(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<EventList>, Problem> {
    let mut parameters = Parameters::of(query);
    let after: Option<i64> = parameters.value(&["after"], "a position in the log, as in `seq`")?;
    let Some(after) = after else {
        let query = timeline_query(&api, &caller, parameters, ALLOWED)?;
        return page(&api, query).await;
    };
    if let Some(name) = ["offset", "cursor"].into_iter().find(|name| parameters.has(name)) {
        return Err(Problem::invalid_field(name, "cannot be given together with `after`; `after` alone leads on"));
    }
    let query = timeline_query(&api, &caller, parameters, ALLOWED_TO_FOLLOW)?;
    follow(&api, query, Seq(after)).await
}

/// The timeline of the source documents (R222–R226): like the list, newest first, limit 50, offset 0.
#[utoipa::path(
    get, path = "/api/v1/events/timeline", tag = "events", params(openapi::TimelineParameters),
    responses((status = 200, body = EventList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn timeline(
    State(api): State<Api>,
    MayRead(caller): MayRead,
    RawQuery(query): RawQuery,
) -> Result<Json<EventList>, Problem> {
    let query = timeline_query(&api, &caller, Parameters::of(query), ALLOWED)?;
    page(&api, query).await
}

async fn page(api: &Api, query: TimelineQuery) -> Result<Json<EventList>, Problem> {
    let read = |page| api.history.timeline(TimelineQuery { page, ..query.clone() });
    let Page { items, next } = gather(query.page.clone(), |detail| detail.event.weight(), read).await?;
    Ok(Json(EventList { events: items, next }))
}

/// The events after a position that match, oldest first. Looks at a window of the log, which ends
/// at `next`, whether or not anything in it matched; there is no `next` at the end of the log.
async fn follow(api: &Api, mut query: TimelineQuery, after: Seq) -> Result<Json<EventList>, Problem> {
    let window = api.history.scan(after, query.page.limit.min(WINDOW)).await?;
    let Some(last) = window.last().map(|stored| stored.seq) else {
        is_in_the_log(api, after).await?;
        return Ok(Json(EventList { events: Vec::new(), next: None }));
    };
    // The newest rows before the window's end: as many as it has positions, so all its matches.
    query.page = PageRequest { limit: window.len(), offset: 0, cursor: Some(last.0.saturating_add(1)) };
    drop(window);
    let mut events = api.history.timeline(query).await?.items;
    events.retain(|event| event.seq > after);
    events.reverse();
    Ok(Json(EventList { events, next: Some(last.0) }))
}

/// Refuses a position that nobody can have read: whoever follows a log that was restored from a backup older than what
/// they have read would wait, and miss the events that are given the same positions.
async fn is_in_the_log(api: &Api, after: Seq) -> Result<(), Problem> {
    let newest = TimelineQuery { page: PageRequest { limit: 1, ..PageRequest::default() }, ..TimelineQuery::default() };
    let end = api.history.timeline(newest).await?.items.first().map_or(Seq::START, |newest| newest.seq);
    if after <= end {
        return Ok(());
    }
    let problem = format!(
        "is {after}, and the log ends at {end}: it was restored from an older backup, or is another one; begin again \
         at a position that this log has"
    );
    Err(Problem::invalid_field("after", problem))
}

/// What a time in a query has to be.
pub(super) const TIME: &str = "an RFC 3339 time with zone such as 2026-01-31T09:30:00Z";

/// The types and patterns of a query, aliases included.
pub(super) fn event_types(api: &Api, parameters: &mut Parameters) -> Result<Vec<Pattern>, Problem> {
    let names =
        parameters.list(&["event_types", "event_types[]", "eventTypes", "eventTypes[]", "event_type", "eventType"]);
    if names.len() > MAX_TYPES {
        let problem = format!("names {} types, the limit is {MAX_TYPES}; use patterns such as billing.*", names.len());
        return Err(Problem::invalid_field("event_types", problem));
    }
    spellings(api, &names)
}

/// These types and patterns, aliases included.
pub(super) fn spellings(api: &Api, names: &[String]) -> Result<Vec<Pattern>, Problem> {
    let mut event_types = Vec::new();
    for name in names {
        let pattern: Pattern =
            name.parse().map_err(|error| Problem::invalid_field("event_types", format!("is refused: {error}")))?;
        event_types.extend(api.catalog.spellings(&pattern));
    }
    Ok(event_types)
}

fn timeline_query(
    api: &Api,
    caller: &Caller,
    mut parameters: Parameters,
    allowed: &str,
) -> Result<TimelineQuery, Problem> {
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let event_types = event_types(api, &mut parameters)?;
    let query = TimelineQuery {
        actor: parameters.text(&["actor", "userId", "user_id", "actorId"])?,
        organization_id: caller.scope_query(organization)?,
        event_types,
        since: parameters.value::<Timestamp>(&["since", "startDate"], TIME)?,
        until: parameters.value::<Timestamp>(&["until", "endDate"], TIME)?,
        page: parameters.page()?,
    };
    parameters.finish(allowed)?;
    Ok(query)
}
