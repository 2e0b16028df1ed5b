//! Deliveries, their attempts and dead letters, newest first.

use events_core::{
    DeliveryId, EventId, EventType, HandlerName, Payload, StoreError, Target,
    delivery::{DeliveryState, ErrorClass},
    ports::{AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Page},
};
use sqlx::sqlite::SqliteRow;

use super::filters::Filters;
use crate::{
    error::Failure,
    reader::Reader,
    rows::{self, Cells},
};

/// What ties a listed row to the organization of its event.
const OF_ORGANIZATION: &str = "(SELECT organization_id FROM events WHERE events.seq = listed.seq) = {}";

/// A page of deliveries.
pub(super) async fn page(reader: &Reader, query: &DeliveryQuery) -> Result<Page<DeliveryRecord>, StoreError> {
    let filters = filters(query).map_err(|failure| failure.undone())?;
    filters.page(reader, query.page.limit, delivery, |delivery| delivery.delivery_id.0).await
}

fn filters(query: &DeliveryQuery) -> Result<Filters, Failure> {
    let mut filters = Filters::new(include_str!("../queries/deliveries.sql"), &query.page)?;
    let open = query.state.map(|state| matches!(state, DeliveryState::Pending | DeliveryState::Leased));
    filters.argument(open.unwrap_or(true))?;
    filters.argument(!open.unwrap_or(false))?;
    filters.and("delivery_id < {}", query.page.cursor)?;
    filters.and("state = {}", query.state.map(state_word))?;
    filters.and("handler = {}", query.handler.as_ref().map(HandlerName::as_str))?;
    filters.and("target = {}", query.target.as_ref().map(Target::as_str))?;
    let event_id = query.event_id.as_ref().map(|event_id| &event_id.as_uuid().as_bytes()[..]);
    filters.and("seq = (SELECT seq FROM events WHERE event_id = {})", event_id)?;
    filters.and(OF_ORGANIZATION, query.organization_id.as_deref())?;
    Ok(filters)
}

fn state_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Leased => "leased",
        DeliveryState::Succeeded => "succeeded",
        DeliveryState::Dead => "dead",
        DeliveryState::Dropped => "dropped",
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
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        state: cells.parse("state", state)?,
        attempts: cells.number("attempts")?,
        due_at: cells.optional_time("due_at")?,
        ended_at: cells.optional_time("ended_at")?,
        last_error: cells.get("last_error")?,
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
