//! Storing events, each once.

mod statement;
mod values;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use events_core::{Event, EventId, ports::Appended};
use sqlx::{
    Row,
    postgres::{PgArguments, PgConnection, PgRow},
};
use uuid::{Uuid, Version};

use self::statement::On;
use crate::{
    arguments,
    database::Database,
    error::Failure,
    notifier::{Notifier, OUTBOX},
    rows,
    schema::Schema,
};

/// How often others may store one of the same events between our look and our insert.
const TRIES: usize = 16;

/// Until when an id is taken for a new one.
const FRESH: Duration = Duration::from_secs(1);

const EXISTING: &str = include_str!("../queries/append_existing.sql");

/// Stores events and tells of those that were not there before.
pub(crate) async fn append(
    database: &Database,
    notifier: &Notifier,
    events: &[Arc<Event>],
) -> Result<Vec<Appended>, Failure> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let with_commit = notifier.with_commit();
    let appended = store(database, events, with_commit.as_deref()).await?;
    if with_commit.is_none() && appended.contains(&Appended::Stored) {
        notifier.outbox();
    }
    Ok(appended)
}

/// Stores all events in the hope that none was there before, which is nearly always so. The statement
/// stores nothing when one was; only then they are looked up, and the others stored. When another
/// process stores one of them in between, or a new id is not new, the unique indexes refuse all, and we look again.
async fn store(database: &Database, events: &[Arc<Event>], tells: Option<&str>) -> Result<Vec<Appended>, Failure> {
    let mut appended = vec![Appended::Stored; events.len()];
    let mut new = events.to_vec();
    if has_no_repetition(events) && insert(database, &new, tells).await? {
        return Ok(appended);
    }
    for _ in 0..TRIES {
        let rows = database.change(EXISTING, existing(events)?).await?;
        (appended, new) = sort_out(&rows, events)?;
        if insert(database, &new, tells).await? {
            return Ok(appended);
        }
    }
    Err(Failure::Raced)
}

/// As [`append`], in the transaction that `connection` is in. A refusal by an index would end that
/// transaction, so it is the caller's to roll back.
pub(crate) async fn append_in(
    connection: &mut PgConnection,
    schema: &Schema,
    events: &[Arc<Event>],
) -> Result<Vec<Appended>, Failure> {
    let rows = sqlx::query_with(schema.statement(EXISTING), existing(events)?).fetch_all(&mut *connection).await?;
    let (appended, new) = sort_out(&rows, events)?;
    if !new.is_empty() {
        let values = values::values(&new, &schema.channel(), Some(OUTBOX))?;
        let stored = sqlx::query_with(schema.statement(text(&new, On::Theirs)), values).execute(connection).await;
        let stored = stored.map_err(Failure::Database).map_err(|failure| match failure {
            refused if refused.is_unique_violation() => Failure::Raced,
            other => other,
        })?;
        if !is_all(stored.rows_affected(), &new) {
            return Err(Failure::Raced);
        }
    }
    Ok(appended)
}

/// Whether all were stored, and told of if it `tells`; if not, none was.
async fn insert(database: &Database, events: &[Arc<Event>], tells: Option<&str>) -> Result<bool, Failure> {
    if events.is_empty() {
        return Ok(true);
    }
    let on = if events.iter().all(|event| is_fresh(event.event_id)) { On::OwnWithNewIds } else { On::Own };
    let text = text(events, on);
    match database.change_count(text, values::values(events, &database.schema.channel(), tells)?).await {
        Ok(stored) => Ok(is_all(stored, events)),
        Err(failure) if failure.is_unique_violation() => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn is_all(stored: u64, events: &[Arc<Event>]) -> bool {
    usize::try_from(stored).is_ok_and(|stored| stored == events.len())
}

/// The statement that stores these events.
fn text(events: &[Arc<Event>], on: On) -> &'static str {
    let has_keys = events.iter().any(|event| event.idempotency_key.is_some());
    statement::text(events.len(), on, has_keys)
}

/// Whether an id tells by itself that it was made just now, so that hardly anybody can have stored it before. Whoever has
/// is refused by the unique index, and by an error in the log of the server.
fn is_fresh(id: EventId) -> bool {
    let id = id.as_uuid();
    let made = id.get_timestamp().filter(|_| id.get_version() == Some(Version::SortRand)).map(SystemTime::from);
    made.and_then(|made| SystemTime::now().duration_since(made).ok()).is_some_and(|age| age <= FRESH)
}

/// What makes these events the same as others.
fn existing(events: &[Arc<Event>]) -> Result<PgArguments, Failure> {
    let ids: Vec<Uuid> = events.iter().map(|event| *event.event_id.as_uuid()).collect();
    let (organizations, keys): (Vec<String>, Vec<String>) = events.iter().filter_map(|event| key(event)).unzip();
    Ok(arguments![ids, organizations, keys])
}

/// An idempotency key within its organization.
type Key = (String, String);

fn key(event: &Event) -> Option<Key> {
    let key = event.idempotency_key.clone()?;
    Some((event.organization_id.clone().unwrap_or_default(), key))
}

fn has_no_repetition(events: &[Arc<Event>]) -> bool {
    let mut ids = std::collections::HashSet::with_capacity(events.len());
    let mut keys = std::collections::HashSet::new();
    events.iter().all(|event| ids.insert(event.event_id) && key(event).is_none_or(|key| keys.insert(key)))
}

/// What becomes of each event, and which ones are to be stored.
fn sort_out(rows: &[PgRow], events: &[Arc<Event>]) -> Result<(Vec<Appended>, Vec<Arc<Event>>), Failure> {
    let mut known = Known::read(rows)?;
    let appended: Vec<Appended> = events.iter().map(|event| known.check(event)).collect();
    let new = events.iter().zip(&appended).filter(|(_, appended)| **appended == Appended::Stored);
    let new = new.map(|(event, _)| Arc::clone(event)).collect();
    Ok((appended, new))
}

/// Events that are there, by what makes them the same: stored ones, and earlier ones of the batch.
struct Known {
    by_id: HashMap<EventId, Arc<Event>>,
    by_key: HashMap<Key, Arc<Event>>,
}

impl Known {
    fn read(rows: &[PgRow]) -> Result<Self, Failure> {
        let mut known = Self { by_id: HashMap::new(), by_key: HashMap::new() };
        for row in rows {
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
