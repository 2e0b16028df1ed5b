//! `GET /api/v1/events` and `/timeline`: events newest first, or from a position on.

use axum::{
    Json,
    extract::{RawQuery, State},
};
use events_core::{
    Pattern, Seq,
    ports::{EventDetail, Page, Scope, TimelineQuery},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, auth::Caller, openapi, paging::Parameters, problem::Problem};

const ALLOWED: &str = "actor (or userId), organization_id, event_types, since, until, after, limit, offset, cursor";

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
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<EventList>, Problem> {
    caller.may(Scope::Read)?;
    let mut parameters = Parameters::of(query);
    let after: Option<i64> = parameters.value(&["after"], "a position in the log, as in `seq`")?;
    let query = timeline_query(&api, &caller, parameters)?;
    match after {
        Some(after) => follow(&api, query, Seq(after)).await,
        None => page(&api, query).await,
    }
}

/// The timeline of the source documents (R222–R226): like the list, newest first, limit 50, offset 0.
#[utoipa::path(
    get, path = "/api/v1/events/timeline", tag = "events", params(openapi::TimelineParameters),
    responses((status = 200, body = EventList), (status = 401, body = Problem), (status = 403, body = Problem), (status = 422, body = Problem)),
)]
pub(super) async fn timeline(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<EventList>, Problem> {
    caller.may(Scope::Read)?;
    let query = timeline_query(&api, &caller, Parameters::of(query))?;
    page(&api, query).await
}

async fn page(api: &Api, query: TimelineQuery) -> Result<Json<EventList>, Problem> {
    let Page { items, next } = api.history.timeline(query).await?;
    Ok(Json(EventList { events: items, next }))
}

/// The events after a position that match, oldest first. Looks at no more than one batch of the
/// log; `next` is the position to go on from, whether or not anything matched.
async fn follow(api: &Api, query: TimelineQuery, after: Seq) -> Result<Json<EventList>, Problem> {
    let scanned = api.history.scan(after, query.page.limit).await?;
    let next = scanned.last().map(|stored| stored.seq.0);
    let mut events = Vec::new();
    for stored in scanned.iter().filter(|stored| matches(&query, &stored.event)) {
        events.extend(api.history.event(stored.event.event_id, query.organization_id.as_deref()).await?);
    }
    Ok(Json(EventList { events, next }))
}

fn matches(query: &TimelineQuery, event: &events_core::Event) -> bool {
    let same = |asked: &Option<String>, is: &Option<String>| asked.is_none() || asked == is;
    same(&query.actor, &event.actor)
        && same(&query.organization_id, &event.organization_id)
        && (query.event_types.is_empty() || query.event_types.iter().any(|pattern| pattern.matches(&event.event_type)))
        && query.since.is_none_or(|since| event.created_at >= since)
        && query.until.is_none_or(|until| event.created_at < until)
}

fn timeline_query(api: &Api, caller: &Caller, mut parameters: Parameters) -> Result<TimelineQuery, Problem> {
    const TIME: &str = "an RFC 3339 time with zone such as 2026-01-31T09:30:00Z";
    let organization = parameters.text(&["organization_id", "organizationId", "tenant_id", "tenantId"])?;
    let names =
        parameters.list(&["event_types", "event_types[]", "eventTypes", "eventTypes[]", "event_type", "eventType"]);
    let mut event_types = Vec::new();
    for name in names {
        let pattern: Pattern =
            name.parse().map_err(|error| Problem::invalid_field("event_types", format!("is refused: {error}")))?;
        event_types.extend(api.catalog.spellings(&pattern));
    }
    let query = TimelineQuery {
        actor: parameters.text(&["actor", "userId", "user_id", "actorId"])?,
        organization_id: caller.scope_query(organization)?,
        event_types,
        since: parameters.value::<Timestamp>(&["since", "startDate"], TIME)?,
        until: parameters.value::<Timestamp>(&["until", "endDate"], TIME)?,
        page: parameters.page()?,
    };
    parameters.finish(ALLOWED)?;
    Ok(query)
}
