//! The connections that read. They see what is committed and hold up nobody.

use std::collections::HashMap;

use events_core::{
    Seq, StoreError, StoredEvent,
    ports::{RoutesVersion, Unrouted},
};
use sqlx::{
    SqlitePool,
    query::Query,
    sqlite::{Sqlite, SqliteArguments, SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

use crate::{
    error::Failure,
    recent::Recent,
    rows::{self, Cells},
};

/// Connections that read at once. More would cost memory and threads, and the readers would
/// wait for the same disk.
const CONNECTIONS: u32 = 3;

/// Reads rows.
#[derive(Debug)]
pub(crate) struct Reader {
    pool: SqlitePool,
    recent: Recent,
}

impl Reader {
    /// Reads with these options; connections are made when they are needed.
    pub(crate) fn new(options: SqliteConnectOptions) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false) // the file does not hang up
            .max_lifetime(None)
            .idle_timeout(None);
        Self { pool: pool.connect_lazy_with(options), recent: Recent::default() }
    }

    /// All rows of a query, read by `read`.
    pub(crate) async fn all<T>(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
        read: impl Fn(&SqliteRow) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = query.fetch_all(&self.pool).await.map_err(|error| Failure::from(error).undone())?;
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|failure| failure.undone())
    }

    /// The one row of a query, read by `read`.
    pub(crate) async fn one<T>(
        &self,
        query: Query<'_, Sqlite, SqliteArguments>,
        read: impl Fn(&SqliteRow) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let row = query.fetch_one(&self.pool).await.map_err(|error| Failure::from(error).undone())?;
        read(&row).map_err(|failure| failure.undone())
    }

    /// The oldest events that are not routed yet, at most `limit`. They are remembered.
    pub(crate) async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        let query = sqlx::query(include_str!("queries/unrouted.sql")).bind(crate::count(limit));
        let rows = self.all(query, unrouted).await?;
        let routes = rows.first().map_or(RoutesVersion::default(), |(version, _)| *version);
        let mut events: Vec<StoredEvent> = rows.into_iter().filter_map(|(_, event)| event).collect();
        events.sort_by_key(|event| event.seq); // SQLite would put whole rows into a table of its own
        self.recent.keep(&events);
        Ok(Unrouted { events, routes })
    }

    /// The events at these places in the log, by place.
    pub(crate) async fn events_at(
        &self,
        seqs: impl Iterator<Item = Seq> + Clone,
    ) -> Result<HashMap<Seq, StoredEvent>, StoreError> {
        let remembered = self.recent.at(seqs.clone());
        let mut events: HashMap<Seq, StoredEvent> = remembered.into_iter().map(|event| (event.seq, event)).collect();
        let others: Vec<Seq> = seqs.filter(|seq| !events.contains_key(seq)).collect();
        if !others.is_empty() {
            let others = crate::json(&others).map_err(|failure| failure.undone())?;
            let query = sqlx::query(include_str!("queries/events_at.sql")).bind(others);
            events.extend(self.all(query, rows::event).await?.into_iter().map(|event| (event.seq, event)));
        }
        Ok(events)
    }

    /// Closes the connections, after what they are reading.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// An unrouted event, unless nothing waits, with the version of the stored routes.
fn unrouted(row: &SqliteRow) -> Result<(RoutesVersion, Option<StoredEvent>), Failure> {
    let cells = Cells::of(row, "routes_version", "version");
    let waits = cells.get::<Option<i64>>("seq")?.is_some();
    let event = if waits { Some(rows::event(row)?) } else { None };
    Ok((RoutesVersion(cells.get("version")?), event))
}
