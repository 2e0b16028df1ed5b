//! Appending the records of attempts.

use events_core::{
    DeliveryId, HandlerName, Payload, Seq, Target,
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

/// A row to be appended.
pub(crate) struct Row<'a> {
    delivery_id: DeliveryId,
    seq: Seq,
    handler: &'a HandlerName,
    target: &'a Target,
    number: u32,
    outcome: AttemptOutcome,
    is_final: bool,
    status: Option<u16>,
    duration_ms: u32,
    error_class: Option<&'a ErrorClass>,
    error: Option<&'a str>,
    response: Option<&'a str>,
    detail: Option<&'a Payload>,
    created_at: Timestamp,
}

impl<'a> Row<'a> {
    /// The row of a settlement; `None` for one that leaves none.
    pub(crate) fn of_settlement(settlement: &'a Settlement) -> Option<Self> {
        let report = &settlement.report;
        Some(Self {
            delivery_id: settlement.delivery_id,
            seq: settlement.seq,
            handler: &settlement.handler,
            target: &settlement.target,
            number: settlement.attempt,
            outcome: settlement.outcome()?,
            is_final: settlement.is_final(),
            status: report.status,
            duration_ms: u32::try_from(report.duration.as_millis()).unwrap_or(u32::MAX),
            error_class: report.error_class.as_ref(),
            error: report.error.as_deref(),
            response: report.response.as_deref(),
            detail: report.detail.as_deref(),
            created_at: settlement.settled_at,
        })
    }
}

impl<'a> From<&'a Record> for Row<'a> {
    fn from((seq, record): &'a Record) -> Self {
        Self {
            delivery_id: record.delivery_id,
            seq: *seq,
            handler: &record.handler,
            target: &record.target,
            number: record.number,
            outcome: record.outcome,
            is_final: record.is_final,
            status: record.status,
            duration_ms: record.duration_ms,
            error_class: record.error_class.as_ref(),
            error: record.error.as_deref(),
            response: record.response.as_deref(),
            detail: record.detail.as_ref(),
            created_at: record.created_at,
        }
    }
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

/// Appends rows.
pub(crate) async fn append(connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<(), Failure> {
    APPEND
        .run(connection, rows, |values, row| {
            values.push(row.delivery_id.0)?;
            values.push(row.seq.0)?;
            values.push(row.handler.as_str())?;
            values.push(row.target.as_str())?;
            values.push(row.number)?;
            values.push(rows::outcome_word(row.outcome))?;
            values.push(row.is_final)?;
            values.push(row.status)?;
            values.push(row.duration_ms)?;
            values.push(row.error_class.map(ErrorClass::as_str))?;
            values.push(row.error)?;
            values.push(row.response)?;
            values.push(row.detail.map(Payload::as_str))?;
            values.push(row.created_at.as_microsecond())
        })
        .await
}
