//! The embedded store of the event system: one SQLite file, nothing to install.
//!
//! [`SqliteStore`] implements the store ports of `events-core` for one process. Several
//! processes need the PostgreSQL store; a second process that opens the file is refused.
//!
//! # How it is built
//! - One task owns the one connection that writes (`writer`). It runs everything that waits in
//!   one transaction, so callers share the wait for the disk. An `Operation`
//!   is one change of a port.
//! - A few connections read (`reader`); in WAL mode they and the writer do not wait for each other.
//! - Statements lie in `src/queries/`, named after the port's method; rows become domain types in
//!   `rows`, which names table, column and row when one is not what it should be.
//! - When something can next be claimed for a target is worked out whenever that may have
//!   changed (`schedule`), so that a claim is one index seek, however many deliveries wait.
//! - `LIMIT ?1 + 0` in a statement has a reason: SQLite plans a statement anew at every run when a
//!   bare parameter stands there, which takes longer than most of them run.
//!
//! # Durability
//! WAL with `synchronous=FULL`: what was answered with `Ok` survives the death of the process and
//! of the machine's power, as far as the disk keeps what it has confirmed.
//!
//! **Invariant:** nothing outside this crate sees SQL, a row or a transaction, except
//! [`SqliteStore::append_in`], which is there for that.

/// The statements of these files as one: all of them happen, or none. Their parameters are
/// written `?` and bound in the order in which they stand there.
///
/// A statement costs two threads a change of guard, which takes longer than most of them run; a
/// script costs no more than a statement. Within a transaction it is a part of it.
macro_rules! script {
    ($($name:literal),+) => {
        concat!(
            "SAVEPOINT script;\n",
            $(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/queries/", $name, ".sql")), ";\n",)+
            "RELEASE script"
        )
    };
}

mod api_keys;
mod append;
mod attempts;
mod claim;
mod error;
mod history;
mod leadership;
mod leases;
mod lock;
mod open;
mod operation;
mod prune;
mod reader;
mod recent;
mod redrive;
mod replays;
mod route;
mod rows;
mod schedule;
mod settle;
mod statistics;
mod store;
mod targets;
mod values;
mod webhooks;
mod writer;

pub use open::{OpenError, sqlite_is_safe, sqlite_version};
pub use sqlx::sqlite::SqliteConnection;
pub use store::SqliteStore;

/// A value as the JSON text that `json_each` takes apart again in a statement.
fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, error::Failure> {
    serde_json::to_string(value).map_err(|error| error::Failure::Database(sqlx::Error::Encode(error.into())))
}

/// A number of rows as SQLite takes it.
fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
