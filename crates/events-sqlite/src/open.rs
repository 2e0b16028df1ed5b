//! Opening the file: created if need be, locked, brought to the current schema.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    Connection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};

use crate::{lock, reader::Reader, store::SqliteStore, writer::Writer};

/// How long a statement waits for a transaction of another connection, such as an application's
/// own that uses [`SqliteStore::append_in`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of the writing connection, in KiB: what the indexes of a busy hour touch.
const WRITER_CACHE: u32 = 4 * 1024;

/// Page cache of each reading connection, in KiB. The system's own cache lies behind it.
const READER_CACHE: u32 = 1024;

/// Rows that a connection may be ahead of whoever reads them. As many as a batch has: with fewer,
/// the two threads wake each other over and over, and a row costs twice as much.
const ROW_BUFFER: usize = 1_024;

/// Pages in the WAL at which a commit moves them into the database file (16 MiB). The inner pages
/// of indexes change with every commit; in a longer WAL they are moved once instead of four times.
const WAL_PAGES: u32 = 4_000;

/// The WAL is cut to this size after it has been longer, in bytes. It grows while a long read
/// keeps its pages from being moved.
const WAL_BYTES: u32 = 64 * 1024 * 1024;

/// The first SQLite whose WAL cannot lose a commit when it is reset while another connection
/// writes, <https://www.sqlite.org/releaselog/3_51_3.html>.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// Each migration with its version. Append only: what was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "events", include_str!("../migrations/0001_events.sql")),
    (2, "leases", include_str!("../migrations/0002_leases.sql")),
    (3, "webhooks", include_str!("../migrations/0003_webhooks.sql")),
    (4, "attempt_detail", include_str!("../migrations/0004_attempt_detail.sql")),
    (5, "deliveries", include_str!("../migrations/0005_deliveries.sql")),
    (6, "statistics", include_str!("../migrations/0006_statistics.sql")),
    (7, "target_organizations", include_str!("../migrations/0007_target_organizations.sql")),
];

/// Where it is recorded which migrations have run. Not sqlx's default name, which belongs to the
/// application if it shares the file.
const MIGRATIONS_TABLE: &str = "events_migrations";

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or another store in this process.
    #[error(
        "{} is in use by {}; one process at a time can have it: stop that one, or name another file",
        path.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// The database file.
        path: PathBuf,
        /// Who has it, when that could be read.
        pid: Option<u32>,
    },
    /// A newer version of the program has worked on it.
    #[error(
        "{} has schema version {found}, this program knows versions up to {known}; \
         start the newer version, or restore the copy made before it was installed",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The version of the file.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The SQLite linked into the program is too old.
    #[error("SQLite {found} can lose commits; build with {}.{}.{} or newer", OLDEST_SQLITE.0, OLDEST_SQLITE.1, OLDEST_SQLITE.2)]
    OldSqlite {
        /// The version linked.
        found: String,
    },
    /// The file or its lock cannot be created or opened.
    #[error("cannot open {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refuses.
    #[error("cannot use {} as a database", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema could not be brought to the current version; nothing was changed.
    #[error("cannot bring {} to schema version {}", path.display(), schema_version())]
    Migration {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: MigrateError,
    },
}

/// The schema that this program works with.
pub(crate) fn schema_version() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// The version of SQLite that is linked into this program.
///
/// # Errors
/// When SQLite does not even answer that.
pub async fn sqlite_version() -> Result<String, sqlx::Error> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
    sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await
}

/// Opens the store at `path`; `max_pages` bounds the file, for tests of a full disk.
pub(crate) async fn open(path: &Path, max_pages: Option<u32>) -> Result<SqliteStore, OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    drop(lock::create_private(path).map_err(io)?);
    let path = path.canonicalize().map_err(io)?; // two names of one file have one lock
    let lock = lock::lock(&path)?;

    let mut options = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(false)
        .row_buffer_size(ROW_BUFFER)
        .pragma("cache_size", format!("-{WRITER_CACHE}"))
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
        .pragma("journal_size_limit", WAL_BYTES.to_string());
    if let Some(max_pages) = max_pages {
        options = options.pragma("max_page_count", max_pages.to_string());
    }
    // What the store writes are checked types already; the checks of the tables are for others, and
    // take a fifth of the time of publishing.
    let writing = options.clone().pragma("ignore_check_constraints", "ON");
    let database = |source| OpenError::Database { path: path.clone(), source };
    let mut connection = SqliteConnection::connect_with(&writing).await.map_err(database)?;
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.map_err(database)?;
    if !sqlite_is_safe(&version) {
        return Err(OpenError::OldSqlite { found: version });
    }
    migrate(&mut connection, &path).await?;

    let reading = options.read_only(true).pragma("cache_size", format!("-{READER_CACHE}"));
    Ok(SqliteStore { reader: Reader::new(reading), writer: Writer::start(connection, writing, lock) })
}

async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, text)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) => {
            OpenError::NewerSchema { path: path.to_owned(), found, known: schema_version() }
        }
        source => OpenError::Migration { path: path.to_owned(), source },
    })
}

/// Whether commits of this version of SQLite are safe. A store is not opened with one that can lose them.
#[must_use]
pub fn sqlite_is_safe(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= OLDEST_SQLITE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_before_the_wal_reset_was_mended_is_refused() {
        for old in ["3.51.2", "3.50.9", "3.7.0", "2.8.17", ""] {
            assert!(!sqlite_is_safe(old), "{old}");
        }
        for mended in ["3.51.3", "3.51.10", "3.52.0", "3.100.0", "4.0"] {
            assert!(sqlite_is_safe(mended), "{mended}");
        }
    }

    #[test]
    fn versions_of_the_schema_grow() {
        assert!(MIGRATIONS.is_sorted_by(|(a, ..), (b, ..)| a < b));
    }
}
