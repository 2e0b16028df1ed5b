//! The store, and the write side of its ports.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use events_core::{
    Delivery, Event, EventStore, HandlerName, StoreError,
    delivery::{LeaseRef, Settlement},
    ports::{
        Appended, ClaimRequest, PruneRequest, Pruned, RedriveFilter, RouteSummary, Routed, RoutedEvent, SettleSummary,
        Unrouted,
    },
};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::{
    append::{self, Append},
    claim::Claim,
    leases::{ReleaseExpired, Renew},
    open::{self, OpenError},
    prune::Prune,
    reader::Reader,
    redrive::Redrive,
    route::Route,
    rows::Cells,
    settle::Settle,
    writer::Writer,
};

/// Events, deliveries and their progress in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, which is created when it is not there, readable by
    /// its owner only. One store at a time can have a file; a file named `<path>.lock` stands beside it.
    ///
    /// # Errors
    /// [`OpenError`], which names the file and what to do.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        open::open(path.as_ref(), None).await
    }

    /// A store whose file cannot grow beyond so many pages: a full disk, for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    #[doc(hidden)]
    pub async fn open_bounded(path: impl AsRef<Path>, max_pages: u32) -> Result<Self, OpenError> {
        open::open(path.as_ref(), Some(max_pages)).await
    }

    /// The version of the schema in the file, which is the latest this program knows.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        open::schema_version()
    }

    /// Stores events in a transaction of the application, on the application's own connection to
    /// the same file: its rows and its events are committed together, or neither is.
    ///
    /// The router finds the events by polling, at most its poll interval later, since nobody tells
    /// it of a commit that it does not make itself.
    ///
    /// Begin such a transaction with `BEGIN IMMEDIATE` (`connection.begin_with("BEGIN IMMEDIATE")`).
    /// A plain `BEGIN` that reads first fails with "database is locked" when anybody has written
    /// meanwhile, however long it may wait. And keep it short: the store's own writes wait for it.
    ///
    /// # Errors
    /// [`StoreError`]. Roll back then; events of a large batch may have been stored in part.
    pub async fn append_in(
        connection: &mut SqliteConnection,
        events: &[Arc<Event>],
    ) -> Result<Vec<Appended>, StoreError> {
        append::append(connection, events).await.map_err(|failure| failure.undone())
    }

    /// Finishes what callers wait for, moves the log into the database file and lets go of the
    /// file. Calls that come later are refused.
    pub async fn close(&self) {
        self.writer.close().await;
        self.reader.close().await;
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError> {
        self.writer.run(Append(events)).await
    }

    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        self.reader.unrouted(limit).await
    }

    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError> {
        Ok(self.route_and_claim(routed, Vec::new(), now).await?.summary)
    }

    async fn route_and_claim(
        &self,
        routed: Vec<RoutedEvent>,
        offers: Vec<ClaimRequest>,
        now: Timestamp,
    ) -> Result<Routed, StoreError> {
        self.writer.run(Route { routed, offers, now }).await
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError> {
        let (handler, lease_until) = (request.handler.clone(), request.lease_until(request.now));
        let claimed = self.writer.run(Claim(request)).await?;
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let events = self.reader.events_at(claimed.iter().map(|delivery| delivery.seq)).await?;
        claimed
            .into_iter()
            .map(|delivery| match events.get(&delivery.seq) {
                Some(event) => Ok(delivery.with(event, &handler, lease_until)),
                None => Err(StoreError::Corrupt(format!("deliveries.seq: there is no event {}", delivery.seq))),
            })
            .collect()
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError> {
        self.writer.run(Settle(settlements)).await
    }

    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError> {
        self.writer.run(Renew { leases, until }).await
    }

    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.writer.run(ReleaseExpired { now, limit }).await
    }

    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError> {
        self.writer.run(Redrive { filter, now }).await
    }

    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError> {
        self.writer.run(Prune(request)).await
    }

    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError> {
        let query = sqlx::query(include_str!("queries/next_due.sql")).bind(handler.as_str());
        self.reader.one(query, |row| Cells::of(row, "target_states", "ready_at").optional_time("ready_at")).await
    }
}
