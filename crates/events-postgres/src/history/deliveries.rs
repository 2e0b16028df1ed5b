//! Deliveries, their attempts and dead letters, newest first.

use events_core::{
    DeliveryId, EventId, EventType, HandlerName, Payload, StoreError, Target,
    delivery::{DeliveryState, DeliveryStatus, ErrorClass},
    ports::{AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Page},
};
use sqlx::postgres::PgRow;

use super::filters::Filters;
use crate::{
    database::Database,
    error::Failure,
    rows::{self, Cells},
    time::Time,
};

/// What ties a listed row to the organization of its event. Of a comparison outside of the parentheses PostgreSQL would
/// guess that it holds for one row in two hundred, and would sort all rows instead of reading them in their order.
const OF_ORGANIZATION: &str = "(SELECT organization_id = {} FROM events WHERE events.seq = listed.seq)";

/// What ties a listed row to the time at which its event was recorded.
const RECORDED_SINCE: &str = "(SELECT created_at FROM events WHERE events.seq = listed.seq) >= {}";
const RECORDED_UNTIL: &str = "(SELECT created_at FROM events WHERE events.seq = listed.seq) < {}";

/// Whether a try at an open delivery has failed: any but the one under way.
const FAILED: &str = "attempts > CASE state WHEN 'leased' THEN 1 ELSE 0 END";
const NOT_FAILED: &str = "attempts <= CASE state WHEN 'leased' THEN 1 ELSE 0 END";

/// A page of deliveries.
pub(super) async fn page(database: &Database, query: &DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
    let filters = filters(query).map_err(|failure| failure.undone())?;
    filters.page(database, query.page.limit, delivery, |delivery| delivery.delivery_id.0).await
}

/// The statement. How a delivery ended is asked for in the words of the table, because the database knows how many rows
/// have them and which index is about them alone.
fn statement(query: &DeliveryQuery) -> String {
    let outcomes = [query.state.and_then(state_outcome), query.status.and_then(status_outcome)];
    let outcomes: String = outcomes.into_iter().flatten().map(|word| format!(" AND outcome = '{word}'")).collect();
    let reach = query.page.limit.saturating_add(1).saturating_add(query.page.offset);
    let text = include_str!("../queries/deliveries.sql").replace("{reach}", &crate::count(reach).to_string());
    text.replace("{ended}", &outcomes)
}

fn filters(query: &DeliveryQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(statement(query), &query.page)?;
    let open_state = query.state.map(|state| matches!(state, DeliveryState::Pending | DeliveryState::Leased));
    let open_status = query.status.map(DeliveryStatus::is_open);
    filters.argument(open_state.unwrap_or(true) && open_status.unwrap_or(true))?;
    filters.argument(!open_state.unwrap_or(false) && !open_status.unwrap_or(false))?;
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
    let event_id = query.event_id.as_ref().map(|event_id| *event_id.as_uuid());
    filters.and("seq = (SELECT seq FROM event_ids WHERE event_id = {})", event_id)?;
    filters.and(OF_ORGANIZATION, query.organization_id.as_deref())?;
    filters.and(RECORDED_SINCE, query.since.map(Time))?;
    filters.and(RECORDED_UNTIL, query.until.map(Time))?;
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

fn delivery(row: &PgRow) -> Result<DeliveryRecord, Failure> {
    let cells = Cells::of(row, "deliveries", "delivery_id");
    Ok(DeliveryRecord {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        event_id: EventId::from_uuid(cells.get("event_id")?),
        event_type: cells.parse("event_type", EventType::parse)?,
        event_created_at: cells.time("event_created_at")?,
        payload: cells.optional_json("payload", Payload::from_json)?,
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        state: cells.parse("state", state)?,
        attempts: cells.small_number("attempts")?,
        due_at: cells.optional_time("due_at")?,
        ended_at: cells.optional_time("ended_at")?,
        last_error: cells.get("last_error")?,
        last_status: cells.optional_number("last_status")?,
    })
}

/// A row of `attempts`.
pub(super) fn attempt(row: &PgRow) -> Result<AttemptRecord, Failure> {
    let cells = Cells::of(row, "attempts", "attempt_id");
    let detail: Option<&str> = cells.get("detail")?;
    Ok(AttemptRecord {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        number: cells.small_number("number")?,
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
pub(super) async fn dead_letter_page(
    database: &Database,
    query: &DeadLetterQuery,
) -> Result<Page<DeadLetter>, StoreError> {
    let filters = dead_letter_filters(query).map_err(|failure| failure.undone())?;
    filters.page(database, query.page.limit, dead_letter, |letter| letter.delivery_id.0).await
}

fn dead_letter_filters(query: &DeadLetterQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/dead_letters.sql"), &query.page)?;
    filters.and("delivery_id < {}", query.page.cursor)?;
    filters.and("delivery_id = {}", query.delivery_id.map(|id| id.0))?;
    filters.and("handler = {}", query.handler.as_ref().map(HandlerName::as_str))?;
    filters.and("target = {}", query.target.as_ref().map(Target::as_str))?;
    filters.and("created_at >= {}", query.since.map(Time))?;
    filters.and("created_at < {}", query.until.map(Time))?;
    filters.and(OF_ORGANIZATION, query.organization_id.as_deref())?;
    Ok(filters)
}

fn dead_letter(row: &PgRow) -> Result<DeadLetter, Failure> {
    let cells = Cells::of(row, "dead_letters", "delivery_id");
    Ok(DeadLetter {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        event: std::sync::Arc::unwrap_or_clone(rows::event(row)?.event),
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        attempts: cells.small_number("attempts")?,
        reason_class: ErrorClass::from_stored(cells.get("reason_class")?),
        reason: cells.get("reason")?,
        created_at: cells.time("died_at")?,
    })
}
