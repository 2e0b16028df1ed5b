//! From rows to domain types, naming table, column and row when a value is not what it should be.

use std::{fmt::Display, sync::Arc};

use events_core::{
    Event, EventId, EventType, Metadata, Payload, Seq, StoredEvent,
    delivery::{AttemptOutcome, Guard},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::{ColumnIndex, Decode, Postgres, Row, Type, ValueRef, postgres::PgRow};

use crate::{error::Failure, time::Time};

/// A row of a table, read cell by cell.
pub(crate) struct Cells<'r> {
    row: &'r PgRow,
    table: &'static str,
    key: &'static str,
}

impl<'r> Cells<'r> {
    /// A row that errors call by its column `key`.
    pub(crate) fn of(row: &'r PgRow, table: &'static str, key: &'static str) -> Self {
        Self { row, table, key }
    }

    fn corrupt(&self, column: &str, problem: impl Display) -> Failure {
        let number = self.row.try_get::<i64, _>(self.key).map(|key| key.to_string());
        let key = number.or_else(|_| self.row.try_get::<String, _>(self.key));
        let row = key.unwrap_or_else(|_| "unknown".to_owned());
        Failure::Corrupt(format!("{}.{column} of the row with {} {row}: {problem}", self.table, self.key))
    }

    /// A value as the driver decodes it.
    pub(crate) fn get<T>(&self, column: &'static str) -> Result<T, Failure>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
        &'static str: ColumnIndex<PgRow>,
    {
        self.row.try_get(column).map_err(|error| self.corrupt(column, error))
    }

    /// A value that is made from text.
    pub(crate) fn parse<T, E: Display>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        parse(self.get(column)?).map_err(|problem| self.corrupt(column, problem))
    }

    /// A value that is made from the text of a JSON column, which is kept as it was written.
    pub(crate) fn json<T, E: Display>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let value = self.row.try_get_raw(column).map_err(|error| self.corrupt(column, error))?;
        let text = value.as_str().map_err(|error| self.corrupt(column, error))?;
        parse(text).map_err(|problem| self.corrupt(column, problem))
    }

    /// A value that is made from the text of a JSON column, or absent.
    pub(crate) fn optional_json<T, E: Display>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Result<Option<T>, Failure> {
        let value = self.row.try_get_raw(column).map_err(|error| self.corrupt(column, error))?;
        if value.is_null() { Ok(None) } else { self.json(column, parse).map(Some) }
    }

    /// A number of another type than the column's `bigint`.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, Failure> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|_| self.corrupt(column, format!("{number} is out of range")))
    }

    /// A number of another type than the column's `bigint`, or absent.
    pub(crate) fn optional_big_number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<T>, Failure> {
        let number: Option<i64> = self.get(column)?;
        let narrow = number.map(T::try_from).transpose();
        narrow.map_err(|_| self.corrupt(column, format!("{} is out of range", number.unwrap_or_default())))
    }

    /// A number of another type than the column's `integer`.
    pub(crate) fn small_number<T: TryFrom<i32>>(&self, column: &'static str) -> Result<T, Failure> {
        let number: i32 = self.get(column)?;
        T::try_from(number).map_err(|_| self.corrupt(column, format!("{number} is out of range")))
    }

    /// A number of another type than the column's `integer`, or absent.
    pub(crate) fn optional_number<T: TryFrom<i32>>(&self, column: &'static str) -> Result<Option<T>, Failure> {
        let number: Option<i32> = self.get(column)?;
        let narrow = number.map(T::try_from).transpose();
        narrow.map_err(|_| self.corrupt(column, format!("{} is out of range", number.unwrap_or_default())))
    }

    /// A time.
    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, Failure> {
        Ok(self.get::<Time>(column)?.0)
    }

    /// A time, or absent.
    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, Failure> {
        Ok(self.get::<Option<Time>>(column)?.map(|time| time.0))
    }
}

/// A row of `events`.
pub(crate) fn event(row: &PgRow) -> Result<StoredEvent, Failure> {
    let cells = Cells::of(row, "events", "seq");
    let event = Event {
        event_id: EventId::from_uuid(cells.get("event_id")?),
        event_type: cells.parse("event_type", EventType::parse)?,
        event_version: cells.get("event_version")?,
        occurred_at: cells.time("occurred_at")?,
        created_at: cells.time("created_at")?,
        actor: cells.get("actor")?,
        actor_type: cells.get("actor_type")?,
        organization_id: cells.get("organization_id")?,
        payload: cells.json("payload", Payload::from_json)?,
        metadata: cells.json("metadata", metadata)?,
        idempotency_key: cells.get("idempotency_key")?,
    };
    Ok(StoredEvent { seq: Seq(cells.get("seq")?), event: Arc::new(event) })
}

/// Stored metadata. What came by plain SQL may have members that [`Metadata`] does not know, or
/// of another kind; they are left out, so that the event is delivered all the same.
fn metadata(text: &str) -> Result<Metadata, serde_json::Error> {
    serde_json::from_str(text).or_else(|_| {
        let mut members: Map<String, Value> = serde_json::from_str(text)?;
        members.retain(|name, value| {
            let alone = Map::from_iter([(name.clone(), value.clone())]);
            serde_json::from_value::<Metadata>(alone.into()).is_ok()
        });
        serde_json::from_value(members.into())
    })
}

/// The word under which an outcome is stored.
pub(crate) fn outcome_word(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Done => "done",
        AttemptOutcome::Dropped => "dropped",
        AttemptOutcome::Retry => "retry",
        AttemptOutcome::Dead => "dead",
        AttemptOutcome::Lost => "lost",
    }
}

/// The outcome stored under a word.
pub(crate) fn outcome(word: &str) -> Result<AttemptOutcome, String> {
    Ok(match word {
        "done" => AttemptOutcome::Done,
        "dropped" => AttemptOutcome::Dropped,
        "retry" => AttemptOutcome::Retry,
        "dead" => AttemptOutcome::Dead,
        "lost" => AttemptOutcome::Lost,
        other => return Err(format!("`{other}` is no outcome")),
    })
}

/// A guard as it is stored.
pub(crate) fn guard_text(guard: &Guard) -> String {
    guard.unless.as_str().to_owned()
}

/// A stored guard.
pub(crate) fn guard(text: &str) -> Result<Guard, events_core::InvalidEventType> {
    EventType::parse(text).map(|unless| Guard { unless })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_keeps_what_is_known() {
        let read = metadata(r#"{"source":"psql","shoe_size":43,"request_id":7,"environment":"staging"}"#).unwrap();
        assert_eq!((read.source.as_str(), read.environment.as_str()), ("psql", "staging"));
        assert_eq!(read.request_id, None, "7 is no text");
        assert_eq!(metadata("{}").unwrap(), Metadata::default());
        assert!(metadata("7").is_err());
    }

    #[test]
    fn an_outcome_is_read_back_as_it_was_written() {
        use AttemptOutcome::{Dead, Done, Dropped, Lost, Retry};
        for kept in [Done, Dropped, Retry, Dead, Lost] {
            assert_eq!(outcome(outcome_word(kept)), Ok(kept));
        }
        assert!(outcome("lost in the post").is_err());
    }
}
