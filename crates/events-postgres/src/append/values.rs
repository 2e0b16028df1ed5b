//! The values of the statement that stores events.

use std::sync::Arc;

use events_core::Event;
use sqlx::postgres::PgArguments;

use crate::{arguments, database::add, error::Failure, few::FEW, time::Time};

/// The values for so many events, and what `channel` is told.
pub(super) fn values(events: &[Arc<Event>], channel: &str, tells: Option<&str>) -> Result<PgArguments, Failure> {
    let mut values = arguments![channel, tells];
    if events.len() <= FEW {
        for event in events {
            add_row(&mut values, event)?;
        }
    } else {
        add_lists(&mut values, events)?;
    }
    Ok(values)
}

fn add_row(values: &mut PgArguments, event: &Event) -> Result<(), Failure> {
    add!(
        values,
        *event.event_id.as_uuid(),
        event.event_type.as_str(),
        event.event_version.as_str(),
        Time(event.occurred_at),
        Time(event.created_at),
        event.actor.as_deref(),
        event.actor_type.as_deref(),
        event.organization_id.as_deref(),
        event.payload.as_str(),
        metadata(event)?,
        event.idempotency_key.as_deref(),
    );
    Ok(())
}

fn add_lists(values: &mut PgArguments, events: &[Arc<Event>]) -> Result<(), Failure> {
    fn column<'a, T>(events: &'a [Arc<Event>], of: impl Fn(&'a Event) -> T) -> Vec<T> {
        events.iter().map(|event| of(event)).collect()
    }
    add!(
        values,
        column(events, |event| *event.event_id.as_uuid()),
        column(events, |event| event.event_type.as_str()),
        column(events, |event| event.event_version.as_str()),
        column(events, |event| Time(event.occurred_at)),
        column(events, |event| Time(event.created_at)),
        column(events, |event| event.actor.as_deref()),
        column(events, |event| event.actor_type.as_deref()),
        column(events, |event| event.organization_id.as_deref()),
        column(events, |event| event.payload.as_str()),
        events.iter().map(|event| metadata(event)).collect::<Result<Vec<_>, _>>()?,
        column(events, |event| event.idempotency_key.as_deref()),
    );
    Ok(())
}

fn metadata(event: &Event) -> Result<String, Failure> {
    serde_json::to_string(&event.metadata).map_err(|error| Failure::encode(error.into()))
}
