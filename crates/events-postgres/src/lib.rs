//! The shared store of the event system: any number of processes on one PostgreSQL database.
//!
//! [`PgStore`] implements the store ports of `events-core`. Its tables lie in a schema of their own, or in
//! the application's; any role that may make tables there will do, without extensions or special rights.
//!
//! # How it is built
//! - Each change is one statement, which PostgreSQL commits by itself (`database`): a caller may go away
//!   at any moment and leaves no transaction behind. What needs a transaction runs in a task of its own.
//! - Statements lie in `src/queries/`, named after the port's method, with the names of the SQLite store;
//!   `schema` adds to them where the tables are. Rows become domain types in `rows`.
//! - Nobody waits for a claim: what another one holds is passed over (`queries/claim.sql`). When something
//!   can next be claimed for a target is kept as a promise in one direction, which many can keep at once
//!   (the table `target_states` says how).
//! - Readers of the log neither skip nor repeat an event, although commits do not come in the order of
//!   the log (`commit_order`).
//! - Locks are taken in one order: deliveries by id, then targets by name. A deadlock that comes about
//!   all the same, with an application's own statements, is undone by PostgreSQL and tried again.
//! - Large tables are partitioned, so that retention is a `DROP` (`partitions`).
//! - Polling is the truth; `NOTIFY` only makes it quick (`notifier`, [`PgWakeups`]).
//!
//! # Time
//! The ports take times as arguments. Hosts do not agree about the time, so give the engine the store's
//! [`PgClock`]: then leases and due times are the database's on every host.
//!
//! # Durability
//! What was answered with `Ok` is committed as the server commits: with `synchronous_commit` at `on` (set for
//! the store's connections if it is off) it survives the death of the process and of the server's power.
//!
//! **Invariant:** nothing outside this crate sees SQL, a row or a transaction, except
//! [`PgStore::append_in`], which is there for that.

mod api_keys;
mod append;
mod claim;
mod clock;
mod commit_order;
mod connections;
mod database;
mod error;
mod few;
mod health;
mod history;
mod leadership;
mod leases;
mod notifier;
mod open;
mod options;
mod partitions;
mod prune;
mod queue;
mod redrive;
mod replays;
mod route;
mod rows;
mod schema;
mod settle;
mod statistics;
mod store;
mod targets;
mod time;
mod wakeups;
mod webhooks;

pub use clock::PgClock;
pub(crate) use database::arguments;
pub use health::Health;
pub use open::OpenError;
pub use options::PgOptions;
pub use queue::PgQueue;
pub use sqlx::postgres::{PgConnectOptions, PgConnection};
pub use store::PgStore;
pub use wakeups::{PgWakeups, Wakeup};

/// A number of rows as PostgreSQL takes it.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The arguments of a statement that only reads.
fn given(
    arguments: impl FnOnce() -> Result<sqlx::postgres::PgArguments, error::Failure>,
) -> Result<sqlx::postgres::PgArguments, events_core::StoreError> {
    arguments().map_err(|failure| failure.undone())
}
