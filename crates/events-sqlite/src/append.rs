//! Storing events, each once.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use events_core::{Event, EventId, ports::Appended};
use sqlx::{Row, sqlite::SqliteConnection};

use crate::{
    error::Failure,
    operation::Operation,
    rows,
    values::{self, Insert, Values},
};

static APPEND: Insert = Insert::new(include_str!("queries/append.sql"), 11);

/// Stores events; those that were stored before are found out.
pub(crate) struct Append(pub(crate) Vec<Arc<Event>>);

#[async_trait]
impl Operation for Append {
    type Output = Vec<Appended>;

    fn commits_itself(&self) -> bool {
        self.0.len() <= values::MOST
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Vec<Appended>, Failure> {
        append(connection, &self.0).await
    }
}

/// Stores all events in the hope that none was there before, which is nearly always so. The
/// database's own UNIQUE indexes tell when it was not; only then each event is looked up.
pub(crate) async fn append(connection: &mut SqliteConnection, events: &[Arc<Event>]) -> Result<Vec<Appended>, Failure> {
    let mut appended = Vec::with_capacity(events.len());
    for events in events.chunks(values::MOST) {
        match insert(connection, events).await {
            Ok(()) => appended.resize(appended.len() + events.len(), Appended::Stored),
            Err(failure) if failure.is_unique_violation() => {
                appended.extend(append_new_ones(connection, events).await?);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(appended)
}

/// Looks up what is there already, then stores the rest. Another connection may store the same
/// event in between; then the insert fails and the caller may try again.
async fn append_new_ones(connection: &mut SqliteConnection, events: &[Arc<Event>]) -> Result<Vec<Appended>, Failure> {
    let mut known = Known::load(connection, events).await?;
    let appended: Vec<Appended> = events.iter().map(|event| known.check(event)).collect();
    let new: Vec<Arc<Event>> = events
        .iter()
        .zip(&appended)
        .filter(|(_, appended)| **appended == Appended::Stored)
        .map(|(event, _)| Arc::clone(event))
        .collect();
    match insert(connection, &new).await {
        Err(failure) if failure.is_unique_violation() => Err(Failure::Raced),
        result => result.map(|()| appended),
    }
}

async fn insert(connection: &mut SqliteConnection, events: &[Arc<Event>]) -> Result<(), Failure> {
    APPEND.run(connection, events, |values, event| bind(values, event)).await
}

fn bind(values: &mut Values, event: &Event) -> Result<(), Failure> {
    let metadata =
        serde_json::to_string(&event.metadata).map_err(|error| Failure::Database(sqlx::Error::Encode(error.into())))?;
    values.push(&event.event_id.as_uuid().as_bytes()[..])?;
    values.push(event.event_type.as_str())?;
    values.push(event.event_version.as_str())?;
    values.push(event.occurred_at.as_microsecond())?;
    values.push(event.created_at.as_microsecond())?;
    values.push(event.actor.as_deref())?;
    values.push(event.actor_type.as_deref())?;
    values.push(event.organization_id.as_deref())?;
    values.push(event.payload.as_str())?;
    values.push(metadata)?;
    values.push(event.idempotency_key.as_deref())
}

/// An idempotency key within its organization.
type Key = (String, String);

fn key(event: &Event) -> Option<Key> {
    let key = event.idempotency_key.clone()?;
    Some((event.organization_id.clone().unwrap_or_default(), key))
}

/// Events that are there, by what makes them the same: stored ones, and earlier ones of the batch.
struct Known {
    by_id: HashMap<EventId, Arc<Event>>,
    by_key: HashMap<Key, Arc<Event>>,
}

impl Known {
    async fn load(connection: &mut SqliteConnection, events: &[Arc<Event>]) -> Result<Self, Failure> {
        let ids: Vec<String> = events.iter().map(|event| event.event_id.as_uuid().simple().to_string()).collect();
        let keys: Vec<Key> = events.iter().filter_map(|event| key(event)).collect();
        let rows = sqlx::query(include_str!("queries/append_existing.sql"))
            .bind(crate::json(&ids)?)
            .bind(crate::json(&keys)?)
            .fetch_all(connection)
            .await?;
        let mut known = Self { by_id: HashMap::new(), by_key: HashMap::new() };
        for row in &rows {
            let event = rows::event(row)?.event;
            if row.try_get("by_key")? {
                known.by_key.extend(key(&event).map(|key| (key, event)));
            } else {
                known.by_id.insert(event.event_id, event);
            }
        }
        Ok(known)
    }

    /// What becomes of `event`; when it is new, later ones are compared with it, too.
    fn check(&mut self, event: &Arc<Event>) -> Appended {
        let first = self.by_id.get(&event.event_id).or_else(|| self.by_key.get(&key(event)?));
        match first {
            Some(first) if first.same_content(event) => Appended::Existing(Arc::clone(first)),
            Some(first) => Appended::Conflict(first.event_id),
            None => {
                self.by_key.extend(key(event).map(|key| (key, Arc::clone(event))));
                self.by_id.insert(event.event_id, Arc::clone(event));
                Appended::Stored
            }
        }
    }
}
