//! `POST /api/v1/events`: publishes one event or many.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use events_core::{Metadata, NewEvent, PublishError, Published};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Api,
    auth::{Caller, MayPublish},
    batch::Batch,
    body::Text,
    headers, openapi,
    problem::Problem,
};

/// Events in one call; they become durable together.
const MAX_EVENTS: usize = 10_000;
/// Faults reported for one call, so that the answer to a bad batch stays readable.
const MAX_FAULTS: usize = 20;

/// What became of each event of a call, in the order of the call.
#[derive(Serialize, ToSchema)]
pub(super) struct PublishedList {
    events: Vec<PublishedItem>,
}

/// The answer of status 200.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "read by the derive only")]
enum PublishedAgain {
    /// The one event, which was stored before.
    One(Box<openapi::Event>),
    /// The outcome for each of many.
    Many(PublishedList),
}

/// What became of one event.
#[derive(Serialize, ToSchema)]
pub(super) struct PublishedItem {
    /// Its id; of the first event, where it was published before.
    #[schema(value_type = Option<String>)]
    event_id: Option<events_core::EventId>,
    /// Whether it had been published before with the same key or id.
    duplicate: bool,
    /// Why it was not stored, a stable word for programs: `conflict`. The others were stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// Why it was not stored, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// One event as it was stored.
#[derive(Serialize)]
struct PublishedEvent<'a> {
    #[serde(flatten)]
    event: &'a events_core::Event,
    duplicate: bool,
}

/// Publishes one event (a JSON object) or many (a JSON array). `2xx` means durable.
///
/// One event is answered with the event as stored: 201, or 200 when it was published before with
/// the same `idempotency_key` or `event_id`. Many are stored in one commit, all or none, unless a
/// key is in conflict, which concerns its own event only.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events",
    request_body(content = openapi::Publish, description = "An event, or an array of at most 10,000 events"),
    params(("idempotency-key" = Option<String>, Header, description = "For one event: the same as `idempotency_key` in the body")),
    responses(
        (status = 201, body = openapi::Event, description = "Stored"),
        (status = 200, body = PublishedAgain, description = "Was stored before; or the outcome for each of many"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem),
        (status = 503, body = Problem), (status = 507, body = Problem),
    ),
)]
pub(super) async fn publish_events(
    State(api): State<Api>,
    MayPublish(caller): MayPublish,
    headers: HeaderMap,
    Text(body): Text,
) -> Result<Response, Problem> {
    let origin = headers::origin(&headers);
    let key = headers::idempotency_key(&headers)?;
    if body.trim_start().starts_with('[') {
        if key.is_some() {
            let problem = "is for one event; give each event of an array its own idempotency_key";
            return Err(Problem::invalid_field("idempotency-key", problem));
        }
        publish_many(&api, &caller, &origin, &body).await
    } else {
        publish_one(&api, &caller, key, &origin, &body).await
    }
}

async fn publish_one(
    api: &Api,
    caller: &Caller,
    key: Option<&str>,
    origin: &Metadata,
    body: &str,
) -> Result<Response, Problem> {
    check_json(body)?;
    let mut event = NewEvent::from_json(body).map_err(|invalid| Problem::invalid([invalid]))?;
    if let Some(key) = key {
        one_key(key, body)?;
        event = event.idempotency_key(key);
    }
    let event = admit(event, caller, origin).map_err(|other| other.about("organization_id"))?;
    let Published { event, duplicate } = api.publisher.publish(event).await?;
    let status = if duplicate { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(PublishedEvent { event: &event, duplicate })).into_response())
}

async fn publish_many(api: &Api, caller: &Caller, origin: &Metadata, body: &str) -> Result<Response, Problem> {
    let Batch(raw) = serde_json::from_str::<Batch<'_, MAX_EVENTS>>(body).map_err(|error| not_json(&error))?;
    let Some(raw) = raw else {
        let detail = format!("more than {MAX_EVENTS} events in one call; send them in several calls");
        return Err(Problem::too_large(detail).about("events"));
    };
    let (mut events, mut faults) = (Vec::with_capacity(raw.len()), Vec::new());
    for (at, raw) in raw.iter().enumerate() {
        match NewEvent::from_json(raw.get()) {
            Ok(event) => {
                let admitted = admit(event, caller, origin);
                events.push(admitted.map_err(|other| other.about(&format!("[{at}].organization_id")))?);
            }
            Err(invalid) => faults.push(invalid.at(at)),
        }
        if faults.len() == MAX_FAULTS {
            break;
        }
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let outcomes = api.publisher.publish_all(events).await?;
    let events = outcomes.into_iter().map(item).collect();
    Ok((StatusCode::OK, Json(PublishedList { events })).into_response())
}

fn item(outcome: Result<Published, PublishError>) -> PublishedItem {
    match outcome {
        Ok(Published { event, duplicate }) => {
            PublishedItem { event_id: Some(event.event_id), duplicate, code: None, error: None }
        }
        Err(error) => {
            let text = error.to_string();
            PublishedItem {
                event_id: None,
                duplicate: false,
                code: Some(Problem::from(error).code()),
                error: Some(text),
            }
        }
    }
}

/// Refuses a key in the header next to another one in the body.
fn one_key(header: &str, body: &str) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct Keyed {
        #[serde(alias = "idempotencyKey")]
        idempotency_key: Option<String>,
    }
    match serde_json::from_str(body) {
        Ok(Keyed { idempotency_key: Some(key) }) if key != header => {
            let problem = "differs from the one in the body, idempotency_key; send one of them";
            Err(Problem::invalid_field("idempotency-key", problem))
        }
        _ => Ok(()),
    }
}

/// Binds an event to the caller's organization, and completes its metadata from the request.
fn admit(mut event: NewEvent, caller: &Caller, origin: &Metadata) -> Result<NewEvent, Problem> {
    if let Some(own) = caller.organization() {
        match event.organization_id() {
            Some(other) if other != own => return Err(caller.other_organization(other)),
            Some(_) => {}
            None => event = event.organization(own),
        }
    }
    let metadata = event.metadata_mut();
    let fill = |field: &mut Option<String>, from: &Option<String>| {
        if field.is_none() {
            field.clone_from(from);
        }
    };
    fill(&mut metadata.ip_address, &origin.ip_address);
    fill(&mut metadata.user_agent, &origin.user_agent);
    fill(&mut metadata.request_id, &origin.request_id);
    fill(&mut metadata.trace_parent, &origin.trace_parent);
    Ok(event)
}

/// Malformed JSON is a bad request; anything else that is wrong names its field.
fn check_json(body: &str) -> Result<(), Problem> {
    serde_json::from_str::<&RawValue>(body).map(drop).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("the body is not valid JSON: {error}"))
}
