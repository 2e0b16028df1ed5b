//! Opening the store: its schema made if need be, brought to the current version, measured.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Connection, Executor, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::PgConnection,
};

use crate::{
    clock::PgClock,
    commit_order::CommitOrder,
    database::Database,
    error::Failure,
    notifier::Notifier,
    options::PgOptions,
    partitions,
    schema::{SCHEMA_LOCK, Schema, quote},
    statistics::Settled,
    store::PgStore,
};

/// Each migration with its version. Append only: what was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "events", include_str!("../migrations/0001_events.sql")),
    (2, "claims", include_str!("../migrations/0002_claims.sql")),
    (3, "webhooks", include_str!("../migrations/0003_webhooks.sql")),
    (4, "attempt_detail", include_str!("../migrations/0004_attempt_detail.sql")),
    (5, "deliveries", include_str!("../migrations/0005_deliveries.sql")),
    (6, "statistics", include_str!("../migrations/0006_statistics.sql")),
    (7, "target_organizations", include_str!("../migrations/0007_target_organizations.sql")),
    (8, "first_columns", include_str!("../migrations/0008_first_columns.sql")),
    (9, "plain_trigger", include_str!("../migrations/0009_plain_trigger.sql")),
    (10, "own_appends", include_str!("../migrations/0010_own_appends.sql")),
];

/// Where it is recorded which migrations have run. Not sqlx's default name, which belongs to the
/// application if it shares the schema.
const MIGRATIONS_TABLE: &str = "events_migrations";

/// The oldest PostgreSQL that has what the statements use, as `server_version_num`.
const OLDEST_SERVER: i32 = 130_000;

/// Forgets statements that sqlx has prepared on this connection to the server. Behind a pooler they outlive whoever
/// prepared them, and the next one to open the store would give its own the same names.
const FORGET: &str = "DO $$ DECLARE statement text; BEGIN
    FOR statement IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\\_s\\_%' LOOP
        EXECUTE format('DEALLOCATE %I', statement);
    END LOOP;
END $$";

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL cannot be read. It is not repeated here, since it may hold a password.
    #[error("the URL of the database cannot be read; write postgres://user:password@host:5432/database")]
    Url {
        /// What is wrong with it.
        source: sqlx::Error,
    },
    /// PostgreSQL cannot be reached, or refuses.
    #[error("cannot use {database}")]
    Database {
        /// Which one.
        database: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// The server is too old.
    #[error("{database} is PostgreSQL {found}; use 13 or newer")]
    OldServer {
        /// Which one.
        database: String,
        /// Its version.
        found: String,
    },
    /// No schema was named, and the search path names none.
    #[error("{database} has no schema to put tables in for this role; name one with `?schema=events` in the URL")]
    NoSchema {
        /// Which one.
        database: String,
    },
    /// Where the name of one schema is wanted, there is something else, such as a search path.
    #[error(
        "{place} has to name one schema, the one with the store's tables, and is {found}; name that one only, as in \
         `?schema=events` (in double quotes if its name has a comma: `?schema=%22a,b%22`)"
    )]
    NotOneSchema {
        /// Where that stands.
        place: &'static str,
        /// What stands there.
        found: String,
    },
    /// Whether there is a pooler has to be answered.
    #[error("the URL's parameter `pooler` has to be `true` or `false`, and is `{found}`")]
    NotTrueOrFalse {
        /// What stands there.
        found: String,
    },
    /// A newer version of the program has worked on it.
    #[error(
        "schema {schema} of {database} has version {found}, this program knows versions up to {known}; start the newer \
         version"
    )]
    NewerSchema {
        /// Which database.
        database: String,
        /// Which schema in it.
        schema: String,
        /// Its version.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The schema could not be brought to the current version; nothing was changed.
    #[error("cannot bring schema {schema} of {database} to version {}", schema_version())]
    Migration {
        /// Which database.
        database: String,
        /// Which schema in it.
        schema: String,
        /// What went wrong.
        source: MigrateError,
    },
}

/// The schema that this program works with.
pub(crate) fn schema_version() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Opens the store that `options` describe.
pub(crate) async fn open(options: PgOptions) -> Result<PgStore, OpenError> {
    let refused = |source| OpenError::Database { database: options.told(), source };
    // A migration may take long, and those who start meanwhile wait for it: no other limit holds here.
    let connecting = options.connecting(&[options.idle_in_transaction()]);
    let mut connection = PgConnection::connect_with(&connecting).await.map_err(refused)?;
    let prepared = prepare(&mut connection, &options).await;
    let _ = connection.close().await;
    let Prepared { schema, settings, synchronous_commit } = prepared?;
    let database = Database::new(&options, schema, &settings);
    let clock = PgClock::start(database.clone()).await.map_err(|failure| told(&options, failure))?;
    let notifier = Arc::new(Notifier::start(database.clone()));
    let (order, settled) = (CommitOrder::default(), Settled::default());
    Ok(PgStore { database, notifier, order, settled, clock, options, synchronous_commit })
}

fn told(options: &PgOptions, failure: Failure) -> OpenError {
    let source = match failure {
        Failure::Database(source) | Failure::NotSent(source) => source,
        other => sqlx::Error::Protocol(other.undone().to_string()),
    };
    OpenError::Database { database: options.told(), source }
}

/// A database that is ready to be worked with.
struct Prepared {
    schema: Schema,
    /// The settings to work with.
    settings: Vec<(&'static str, String)>,
    /// How the role and the server would commit by themselves.
    synchronous_commit: String,
}

/// Brings the schema to the current version.
async fn prepare(connection: &mut PgConnection, options: &PgOptions) -> Result<Prepared, OpenError> {
    let refused = |source| OpenError::Database { database: options.told(), source };
    let mut transaction = connection.begin().await.map_err(refused)?;
    if options.pooler {
        // Elsewhere the session has begun with it.
        let (name, value) = options.idle_in_transaction();
        transaction.execute(AssertSqlSafe(format!("SET LOCAL {name} = '{value}'"))).await.map_err(refused)?;
        transaction.execute(FORGET).await.map_err(refused)?;
    }
    let (version, synchronous_commit): (i32, String) =
        sqlx::query_as("SELECT current_setting('server_version_num')::integer, current_setting('synchronous_commit')")
            .fetch_one(&mut *transaction)
            .await
            .map_err(refused)?;
    if version < OLDEST_SERVER {
        let found = format!("{}.{}", version / 10_000, version % 10_000);
        return Err(OpenError::OldServer { database: options.told(), found });
    }
    let mut settings = options.settings();
    if synchronous_commit == "off" {
        // `Ok` means durable, whatever the role or the server is set to.
        settings.push(("synchronous_commit", "on".to_owned()));
    }
    let name = match options.schema_name()? {
        Some(name) => name,
        None => first_of_search_path(&mut transaction)
            .await
            .map_err(refused)?
            .ok_or_else(|| OpenError::NoSchema { database: options.told() })?,
    };
    // Of all processes that start at the same time, one at a time looks at the schema and changes it. The
    // lock belongs to the transaction and not to the session, which a pooler would hand to somebody else.
    sqlx::query("SELECT pg_advisory_xact_lock($1, hashtext($2))")
        .bind(SCHEMA_LOCK)
        .bind(&name)
        .execute(&mut *transaction)
        .await
        .map_err(refused)?;
    make_schema(&mut transaction, &name).await.map_err(refused)?;
    migrate(&mut transaction, options, &name).await?;
    partitions::make_ahead(&mut transaction).await.map_err(|failure| told(options, failure))?;
    if options.pooler {
        transaction.execute(FORGET).await.map_err(refused)?;
    }
    transaction.commit().await.map_err(refused)?;
    Ok(Prepared { schema: Schema::new(name), settings, synchronous_commit })
}

/// The schema in which unqualified tables would be made, or the first that is named and not there yet.
async fn first_of_search_path(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let (current, path): (Option<String>, String) =
        sqlx::query_as("SELECT current_schema()::text, current_setting('search_path')")
            .fetch_one(&mut *connection)
            .await?;
    let first = path.split(',').map(|name| name.trim().trim_matches('"')).find(|name| !name.is_empty());
    Ok(current.or_else(|| first.filter(|name| *name != "$user").map(str::to_owned)))
}

/// Asked first, because a role may have a schema and not the right to make one.
async fn make_schema(connection: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if !there {
        connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {}", quote(name)))).await?;
    }
    connection.execute(AssertSqlSafe(format!("SET LOCAL search_path TO {}", quote(name)))).await?;
    Ok(())
}

async fn migrate(connection: &mut PgConnection, options: &PgOptions, schema: &str) -> Result<(), OpenError> {
    let migrations = MIGRATIONS.iter().map(|(version, name, text)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(MIGRATIONS_TABLE);
    migrator.set_locking(false); // the transaction holds SCHEMA_LOCK
    migrator.run_direct(None, connection, false).await.map_err(|error| {
        let (database, schema) = (options.told(), schema.to_owned());
        match error {
            MigrateError::VersionMissing(found) => {
                OpenError::NewerSchema { database, schema, found, known: schema_version() }
            }
            source => OpenError::Migration { database, schema, source },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_schema_grow() {
        assert!(MIGRATIONS.is_sorted_by(|(a, ..), (b, ..)| a < b));
    }
}
