//! The store, and the write side of its ports.

use std::sync::Arc;

use async_trait::async_trait;
use events_core::{
    Delivery, Event, EventStore, HandlerName, Seq, StoreError,
    delivery::{LeaseRef, Settlement},
    ports::{
        Appended, ClaimRequest, PruneRequest, Pruned, RedriveFilter, RouteSummary, Routed, RoutedEvent, SettleSummary,
        Unrouted,
    },
};
use jiff::Timestamp;
use sqlx::postgres::PgConnection;

use crate::{
    append, arguments, claim,
    clock::PgClock,
    commit_order::CommitOrder,
    database::Database,
    leases,
    notifier::Notifier,
    open::{self, OpenError},
    options::PgOptions,
    partitions, prune, redrive, route,
    rows::Cells,
    settle,
    statistics::Settled,
    wakeups::PgWakeups,
};

/// Events, deliveries and their progress in a PostgreSQL database, which many processes may share.
#[derive(Debug)]
pub struct PgStore {
    pub(crate) database: Database,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) order: CommitOrder,
    pub(crate) settled: Settled,
    pub(crate) clock: PgClock,
    pub(crate) options: PgOptions,
    /// How the role and the server would commit by themselves.
    pub(crate) synchronous_commit: String,
}

impl PgStore {
    /// Opens the store at a URL such as `postgres://user:password@host:5432/database?schema=events`.
    /// [`PgOptions`] tells which parameters a URL may have.
    ///
    /// The schema and its tables are made when they are not there, and brought to the current version;
    /// any number of processes may do so at the same time.
    ///
    /// # Errors
    /// [`OpenError`], which names the database and what to do.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Self::open_with(url.parse()?).await
    }

    /// As [`Self::open`], with options.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(options: PgOptions) -> Result<Self, OpenError> {
        open::open(options).await
    }

    /// The version of the schema in the database, which is the latest this program knows.
    #[must_use]
    pub fn schema_version(&self) -> i64 {
        open::schema_version()
    }

    /// The name of the schema that the tables are in.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.database.schema.name()
    }

    /// How many commits of published events may be under way at the same time: a quarter of the working
    /// connections, 2 of 8. The second begins when it is full, or the first takes long; more at once are smaller ones,
    /// and cost the database more than they save in waiting (docs/decisions/0021 and 0033, measured).
    #[must_use]
    pub fn commits_at_once(&self) -> usize {
        (self.options.working / 4).max(1) as usize
    }

    /// The database's clock, for whoever passes times to this store.
    #[must_use]
    pub fn clock(&self) -> PgClock {
        self.clock.clone()
    }

    /// Wake-ups from other processes; `None` behind a pooler, where only polling works.
    #[must_use]
    pub fn wakeups(&self) -> Option<PgWakeups> {
        let can_listen = !self.options.pooler;
        can_listen.then(|| {
            PgWakeups::new(self.options.clone(), self.database.schema.channel(), self.notifier.sender().to_owned())
        })
    }

    /// Stores events in a transaction of the application, on a connection to the same database: its rows
    /// and its events are committed together, or neither is. Routers are woken by the commit.
    ///
    /// The connection's search path does not matter. While the transaction is open, readers of the log
    /// stop before its events, and a `NOTIFY` is part of its commit, so keep it short.
    ///
    /// # Errors
    /// [`StoreError`]. Roll back then: PostgreSQL accepts nothing more in this transaction.
    /// [`StoreError::Unavailable`] also when somebody else stored one of the events at the same moment;
    /// the whole transaction can be tried again.
    pub async fn append_in(
        &self,
        connection: &mut PgConnection,
        events: &[Arc<Event>],
    ) -> Result<Vec<Appended>, StoreError> {
        append::append_in(connection, &self.database.schema, events).await.map_err(|failure| failure.undone())
    }

    /// Drops events that were recorded before `before`, a partition of two million at a time, with what is
    /// known by their ids: after that an id may be used again. A partition stays as long as one of its
    /// events is younger, not routed, or waits to be delivered, and so do all that follow it.
    ///
    /// Answers the last place of the log that is gone, or `None` when nothing went. Do not drop the
    /// future before it answers; the next call finishes what was begun.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when somebody uses the table; try again later.
    pub async fn drop_events(&self, before: Timestamp) -> Result<Option<Seq>, StoreError> {
        let database = self.database.clone();
        match tokio::spawn(async move { partitions::drop_events(&database, before).await }).await {
            Ok(gone) => gone.map_err(|failure| failure.of_commit()),
            Err(stopped) => Err(StoreError::Unknown(stopped.to_string())),
        }
    }

    /// Finishes what callers wait for and closes the connections. Calls that come later are refused.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl EventStore for PgStore {
    async fn append(&self, events: Vec<Arc<Event>>) -> Result<Vec<Appended>, StoreError> {
        append::append(&self.database, &self.notifier, &events).await.map_err(|failure| failure.of_commit())
    }

    async fn unrouted(&self, limit: usize) -> Result<Unrouted, StoreError> {
        let values = crate::given(|| Ok(arguments![crate::count(limit)]))?;
        let rows = self.database.look(include_str!("queries/unrouted.sql"), values).await?;
        route::unrouted(&rows).map_err(|failure| failure.undone())
    }

    async fn route(&self, routed: Vec<RoutedEvent>, now: Timestamp) -> Result<RouteSummary, StoreError> {
        route::route(&self.database, &routed, now).await.map_err(|failure| failure.of_commit())
    }

    async fn route_and_claim(
        &self,
        routed: Vec<RoutedEvent>,
        offers: Vec<ClaimRequest>,
        now: Timestamp,
    ) -> Result<Routed, StoreError> {
        // What cancels is rare, and what it leaves is claimed a moment later.
        if offers.is_empty() || routed.iter().any(|event| !event.cancellations.is_empty()) {
            return Ok(Routed { summary: self.route(routed, now).await?, leased: Vec::new() });
        }
        let routed = route::route_and_claim(&self.database, &routed, &offers, now).await;
        routed.map_err(|failure| failure.of_commit())
    }

    async fn claim(&self, request: ClaimRequest) -> Result<Vec<Delivery>, StoreError> {
        claim::claim(&self.database, &request).await.map_err(|failure| failure.of_commit())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<SettleSummary, StoreError> {
        let done = settle::settle(&self.database, &self.notifier, &settlements).await;
        done.map_err(|failure| failure.of_commit())
    }

    async fn renew(&self, leases: Vec<LeaseRef>, until: Timestamp) -> Result<Vec<LeaseRef>, StoreError> {
        leases::renew(&self.database, leases, until).await.map_err(|failure| failure.of_commit())
    }

    async fn release_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let done = leases::release_expired(&self.database, &self.notifier, now, limit).await;
        done.map_err(|failure| failure.of_commit())
    }

    async fn redrive(&self, filter: RedriveFilter, now: Timestamp) -> Result<usize, StoreError> {
        let done = redrive::redrive(&self.database, &self.notifier, &filter, now).await;
        done.map_err(|failure| failure.of_commit())
    }

    async fn prune(&self, request: PruneRequest) -> Result<Pruned, StoreError> {
        prune::prune(&self.database, request).await
    }

    async fn next_due(&self, handler: &HandlerName) -> Result<Option<Timestamp>, StoreError> {
        let values = crate::given(|| Ok(arguments![handler.as_str()]))?;
        let rows = self.database.look(include_str!("queries/next_due.sql"), values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let read = Cells::of(row, "target_states", "ready_at").optional_time("ready_at");
        read.map_err(|failure| failure.undone())
    }
}
