//! Deliveries, their attempts and dead letters, newest first.

use events_core::{
    DeliveryId, EventId, EventType, HandlerName, Payload, StoreError, Target,
    delivery::{DeliveryState, DeliveryStatus, ErrorClass},
    ports::{AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Page},
};
use sqlx::sqlite::SqliteRow;

use super::{filters::Filters, walk};
use crate::{
    error::Failure,
    reader::Reader,
    rows::{self, Cells},
};

/// What ties a listed row to the organization of its event.
const OF_ORGANIZATION: &str = "(SELECT organization_id FROM events WHERE events.seq = listed.seq) = {}";

/// What ties a listed row to the time at which its event was recorded.
const RECORDED_SINCE: &str = "(SELECT created_at FROM events WHERE events.seq = listed.seq) >= {}";
const RECORDED_UNTIL: &str = "(SELECT created_at FROM events WHERE events.seq = listed.seq) < {}";

/// Whether a try at an open delivery has failed: any but the one under way.
const FAILED: &str = "attempts > CASE state WHEN 'leased' THEN 1 ELSE 0 END";
const NOT_FAILED: &str = "attempts <= CASE state WHEN 'leased' THEN 1 ELSE 0 END";

/// A page of deliveries.
pub(super) async fn page(reader: &Reader, query: &DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
    let walked = if is_open(query) { walk::of(reader, query).await? } else { "" };
    let filters = filters(query, walked).map_err(|failure| failure.undone())?;
    filters.page(reader, query.page.limit, delivery, |delivery| delivery.delivery_id.0).await
}

/// The statement that looks where the fewest rows are. SQLite knows no numbers of rows when it prepares one, so it is
/// told which index has all that is asked for, in its order.
fn statement(query: &DeliveryQuery, walked: &str) -> String {
    let outcomes = [query.state.and_then(state_outcome), query.status.and_then(status_outcome)];
    let index = match (outcomes.contains(&Some("dead")), query.target.is_some()) {
        _ if query.delivery_id.is_some() || query.event_id.is_some() => "",
        (true, true) => "INDEXED BY idx_attempts_dead_target",
        (true, false) => "INDEXED BY idx_attempts_dead",
        (false, true) => "INDEXED BY idx_attempts_target",
        (false, false) => "",
    };
    let outcomes: String = outcomes.into_iter().flatten().map(|word| format!(" AND outcome = '{word}'")).collect();
    let text = include_str!("../queries/deliveries.sql").replace("{walked}", walked);
    text.replace("{indexed}", index).replace("{ended}", &outcomes)
}

/// Whether deliveries that have not ended can be among those that are asked for.
fn is_open(query: &DeliveryQuery) -> bool {
    query.state.is_none_or(is_open_state) && query.status.is_none_or(DeliveryStatus::is_open)
}

/// Whether deliveries that have ended can be among those that are asked for.
fn is_ended(query: &DeliveryQuery) -> bool {
    !query.state.is_some_and(is_open_state) && !query.status.is_some_and(DeliveryStatus::is_open)
}

fn is_open_state(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Pending | DeliveryState::Leased)
}

fn filters(query: &DeliveryQuery, walked: &str) -> Result<Filters, Failure> {
    let mut filters = Filters::new(statement(query, walked), &query.page)?;
    filters.argument(is_open(query))?;
    filters.argument(is_ended(query))?;
    filters.argument(query.with_payload)?;
    filters.and("delivery_id = {}", query.delivery_id.map(|id| id.0))?;
    filters.and("delivery_id < {}", query.page.cursor)?;
    match query.state {
        Some(DeliveryState::Pending) => filters.and_condition("state = 'pending'"),
        Some(DeliveryState::Leased) => filters.and_condition("state = 'leased'"),
        _ => {}
    }
    match query.status {
        Some(DeliveryStatus::Pending) => filters.and_condition(NOT_FAILED),
        Some(DeliveryStatus::Failed) => filters.and_condition(FAILED),
        _ => {}
    }
    filters.and("handler = {}", query.handler.as_ref().map(HandlerName::as_str))?;
    filters.and("target = {}", query.target.as_ref().map(Target::as_str))?;
    let event_id = query.event_id.as_ref().map(|event_id| &event_id.as_uuid().as_bytes()[..]);
    filters.and("seq = (SELECT seq FROM events WHERE event_id = {})", event_id)?;
    filters.and(OF_ORGANIZATION, query.organization_id.as_deref())?;
    filters.and(RECORDED_SINCE, query.since.map(|time| time.as_microsecond()))?;
    filters.and(RECORDED_UNTIL, query.until.map(|time| time.as_microsecond()))?;
    if let Some(of_types) = filters.of_types(&query.event_types)? {
        filters.and_condition(&format!("EXISTS (SELECT 1 FROM events WHERE events.seq = listed.seq AND {of_types})"));
    }
    Ok(filters)
}

/// How a delivery in this state ended; `None` when it has not.
fn state_outcome(state: DeliveryState) -> Option<&'static str> {
    match state {
        DeliveryState::Pending | DeliveryState::Leased => None,
        DeliveryState::Succeeded => Some("done"),
        DeliveryState::Dead => Some("dead"),
        DeliveryState::Dropped => Some("dropped"),
    }
}

/// How a delivery of this status ended; `None` when it has not.
fn status_outcome(status: DeliveryStatus) -> Option<&'static str> {
    match status {
        DeliveryStatus::Pending | DeliveryStatus::Failed => None,
        DeliveryStatus::Succeeded => Some("done"),
        DeliveryStatus::Dead => Some("dead"),
        DeliveryStatus::Dropped => Some("dropped"),
    }
}

fn state(word: &str) -> Result<DeliveryState, String> {
    Ok(match word {
        "pending" => DeliveryState::Pending,
        "leased" => DeliveryState::Leased,
        "succeeded" => DeliveryState::Succeeded,
        "dead" => DeliveryState::Dead,
        "dropped" => DeliveryState::Dropped,
        other => return Err(format!("`{other}` is no state")),
    })
}

fn delivery(row: &SqliteRow) -> Result<DeliveryRecord, Failure> {
    let cells = Cells::of(row, "deliveries", "delivery_id");
    Ok(DeliveryRecord {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        event_id: EventId::from_uuid(cells.uuid("event_id")?),
        event_type: cells.parse("event_type", EventType::parse)?,
        event_created_at: cells.time("event_created_at")?,
        payload: cells.parse_optional("payload", Payload::from_json)?,
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        state: cells.parse("state", state)?,
        attempts: cells.number("attempts")?,
        due_at: cells.optional_time("due_at")?,
        ended_at: cells.optional_time("ended_at")?,
        last_error: cells.get("last_error")?,
        last_status: cells.optional_number("last_status")?,
    })
}

/// A row of `attempts`.
pub(super) fn attempt(row: &SqliteRow) -> Result<AttemptRecord, Failure> {
    let cells = Cells::of(row, "attempts", "attempt_id");
    let detail: Option<&str> = cells.get("detail")?;
    Ok(AttemptRecord {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        number: cells.number("number")?,
        outcome: cells.parse("outcome", rows::outcome)?,
        is_final: cells.get("final")?,
        status: cells.optional_number("status")?,
        duration_ms: cells.number("duration_ms")?,
        error_class: cells.get::<Option<String>>("error_class")?.map(ErrorClass::from_stored),
        error: cells.get("error")?,
        response: cells.get("response")?,
        detail: detail.map(|_| cells.parse("detail", Payload::from_json)).transpose()?,
        created_at: cells.time("created_at")?,
    })
}

/// A page of dead letters.
pub(super) async fn dead_letter_page(reader: &Reader, query: &DeadLetterQuery) -> Result<Page<DeadLetter>, StoreError> {
    let filters = dead_letter_filters(query).map_err(|failure| failure.undone())?;
    filters.page(reader, query.page.limit, dead_letter, |letter| letter.delivery_id.0).await
}

fn dead_letter_filters(query: &DeadLetterQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/dead_letters.sql"), &query.page)?;
    filters.and("delivery_id < {}", query.page.cursor)?;
    filters.and("delivery_id = {}", query.delivery_id.map(|id| id.0))?;
    filters.and("handler = {}", query.handler.as_ref().map(HandlerName::as_str))?;
    filters.and("target = {}", query.target.as_ref().map(Target::as_str))?;
    filters.and("created_at >= {}", query.since.map(|time| time.as_microsecond()))?;
    filters.and("created_at < {}", query.until.map(|time| time.as_microsecond()))?;
    filters.and(OF_ORGANIZATION, query.organization_id.as_deref())?;
    Ok(filters)
}

fn dead_letter(row: &SqliteRow) -> Result<DeadLetter, Failure> {
    let cells = Cells::of(row, "dead_letters", "delivery_id");
    Ok(DeadLetter {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        event: std::sync::Arc::unwrap_or_clone(rows::event(row)?.event),
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        attempts: cells.number("attempts")?,
        reason_class: ErrorClass::from_stored(cells.get("reason_class")?),
        reason: cells.get("reason")?,
        created_at: cells.time("died_at")?,
    })
}
