//! Appending the records of attempts.

use events_core::{
    DeliveryId, Payload, Seq,
    delivery::{AttemptOutcome, ErrorClass, Settlement},
    ports::AttemptRecord,
};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::{
    error::Failure,
    rows::{self, Cells},
    values::Insert,
};

static APPEND: Insert = Insert::new(include_str!("queries/attempts_append.sql"), 14);

/// A record with the place of the event it belongs to.
pub(crate) type Record = (Seq, AttemptRecord);

/// The record of a settlement; `None` for one that leaves none.
pub(crate) fn of_settlement(settlement: &Settlement) -> Option<Record> {
    let report = &settlement.report;
    let record = AttemptRecord {
        delivery_id: settlement.delivery_id,
        handler: settlement.handler.clone(),
        target: settlement.target.clone(),
        number: settlement.attempt,
        outcome: settlement.outcome()?,
        is_final: settlement.is_final(),
        status: report.status,
        duration_ms: u32::try_from(report.duration.as_millis()).unwrap_or(u32::MAX),
        error_class: report.error_class.clone(),
        error: report.error.clone(),
        response: report.response.clone(),
        detail: report.detail.clone(),
        created_at: settlement.settled_at,
    };
    Some((settlement.seq, record))
}

/// The record of something that happened to a delivery, a row of `deliveries`, without its handler.
pub(crate) fn without_handler(
    row: &SqliteRow,
    outcome: AttemptOutcome,
    class: ErrorClass,
    error: &str,
    now: Timestamp,
) -> Result<Record, Failure> {
    let cells = Cells::of(row, "deliveries", "delivery_id");
    let record = AttemptRecord {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        handler: cells.get::<&str>("handler")?.into(),
        target: cells.get::<&str>("target")?.into(),
        number: cells.number("attempts")?,
        outcome,
        is_final: outcome != AttemptOutcome::Lost,
        status: None,
        duration_ms: 0,
        error_class: Some(class),
        error: Some(error.to_owned()),
        response: None,
        detail: None,
        created_at: now,
    };
    Ok((Seq(cells.get("seq")?), record))
}

/// Appends records.
pub(crate) async fn append(connection: &mut SqliteConnection, records: &[Record]) -> Result<(), Failure> {
    APPEND
        .run(connection, records, |values, (seq, record)| {
            values.push(record.delivery_id.0)?;
            values.push(seq.0)?;
            values.push(record.handler.as_str())?;
            values.push(record.target.as_str())?;
            values.push(record.number)?;
            values.push(rows::outcome_word(record.outcome))?;
            values.push(record.is_final)?;
            values.push(record.status)?;
            values.push(record.duration_ms)?;
            values.push(record.error_class.as_ref().map(ErrorClass::as_str))?;
            values.push(record.error.as_deref())?;
            values.push(record.response.as_deref())?;
            values.push(record.detail.as_ref().map(Payload::as_str))?;
            values.push(record.created_at.as_microsecond())
        })
        .await
}
