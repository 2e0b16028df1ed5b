//! Partitions of the large tables: made ahead of time, and dropped when all of what they hold is old.
//!
//! Every table has a partition for what no other has room for, so an insert never fails; where
//! maintenance runs it stays empty. Making a partition takes no lock that publishers or workers wait
//! for. Dropping one does, for a moment: it gives up when it does not get the lock at once, and the
//! next maintenance tries again.

use events_core::{Seq, StoreError};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Executor, Row, postgres::PgConnection};

use crate::{
    database::Database,
    error::Failure,
    schema::{SCHEMA_LOCK, quote},
    time::Time,
};

/// Events in a partition. Its indexes stay at some 100 MiB each, which fits into memory; and a log of a
/// thousand million events has five hundred partitions, which can be planned for.
pub(crate) const EVENTS: i64 = 1 << 21;

/// Weeks of attempts that have a partition ahead of time.
const WEEKS_AHEAD: i32 = 2;

/// A partition smaller than this is emptied row by row, which keeps to the time of retention exactly. A
/// larger one is dropped as a whole, up to a week later.
const DROPPED_FROM_BYTES: i64 = 32 * 1024 * 1024;

/// How long a drop waits for its lock; those who want to write wait as long behind it.
const DROP_LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '200ms'";

/// Makes the partitions that will be needed next. `connection` is in a transaction, and its search path
/// is the schema of the store.
pub(crate) async fn make_ahead(connection: &mut PgConnection) -> Result<(), Failure> {
    let needed = sqlx::query(include_str!("queries/partitions_needed.sql"))
        .bind(EVENTS)
        .bind(WEEKS_AHEAD)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    for row in &needed {
        make(connection, row.try_get("parent")?, row.try_get("name")?, row.try_get("lower")?, row.try_get("upper")?)
            .await?;
    }
    Ok(())
}

/// Made as a table and attached then, which lets everybody else go on reading and writing. A table that
/// truncates in one piece needs the trigger of its own.
async fn make(connection: &mut PgConnection, parent: &str, name: &str, from: &str, to: &str) -> Result<(), Failure> {
    let name = quote(name);
    let mut text = format!(
        "CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
         ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}');"
    );
    if parent == "events" {
        text.push_str(&format!(
            "CREATE TRIGGER events_are_never_emptied BEFORE TRUNCATE ON {name}
             FOR EACH STATEMENT EXECUTE FUNCTION events_never_go();
             CREATE TRIGGER events_are_routed AFTER INSERT ON {name}
             REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION events_are_routed();"
        ));
    }
    connection.execute(AssertSqlSafe(text)).await?;
    Ok(())
}

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    /// Its name, without the schema.
    pub(crate) name: String,
    /// Where its range ends, as text; `None` for the one that takes what has no other place.
    to: Option<String>,
    /// Its size with indexes.
    bytes: i64,
}

impl Partition {
    /// Whether it is emptied row by row.
    pub(crate) fn is_small(&self) -> bool {
        self.to.is_none() || self.bytes < DROPPED_FROM_BYTES
    }
}

/// The partitions of a table, the one without bounds first, then in the order of their ranges.
pub(crate) async fn of(database: &Database, table: &str) -> Result<Vec<Partition>, Failure> {
    let rows = database
        .change(include_str!("queries/partitions.sql"), crate::arguments![database.schema.table(table)])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Partition { name: row.try_get("name")?, to: row.try_get("upper")?, bytes: row.try_get("bytes")? })
        })
        .collect()
}

/// Makes what is needed next, and drops partitions of attempts that are wholly before `before` and
/// belong to no delivery that still waits. Answers how many attempts went.
pub(crate) async fn look_after(database: &Database, before: Timestamp) -> Result<usize, StoreError> {
    let database = database.clone();
    let done = tokio::spawn(async move {
        let mut connection = database.connection().await?;
        in_transaction(&mut connection, &database, async |connection| make_ahead(connection).await).await?;
        let mut gone = 0;
        for partition in of(&database, "attempts").await? {
            if !partition.is_small() {
                gone += drop_attempts(&database, &mut connection, &partition, before).await?;
            }
        }
        Ok::<usize, Failure>(gone)
    });
    match done.await {
        Ok(gone) => gone.map_err(|failure| failure.undone()),
        Err(stopped) => Err(StoreError::Unavailable(stopped.to_string())),
    }
}

/// Runs `work` in a transaction with the schema of the store as search path; `None` when another process
/// is changing tables at this moment. Not to be cancelled.
async fn in_transaction<T>(
    connection: &mut PgConnection,
    database: &Database,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let schema = &database.schema;
    let mut transaction = database.begin(connection).await?;
    let is_free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, hashtext($2))")
        .bind(SCHEMA_LOCK)
        .bind(schema.name())
        .persistent(false)
        .fetch_one(&mut *transaction)
        .await?;
    if !is_free {
        return Ok(None);
    }
    let settings = format!("SET LOCAL search_path TO {}; {DROP_LOCK_TIMEOUT}", schema.quoted());
    transaction.execute(AssertSqlSafe(settings)).await?;
    let done = work(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Some(done))
}

/// Drops a partition of attempts when nothing in it is needed any more.
async fn drop_attempts(
    database: &Database,
    connection: &mut PgConnection,
    partition: &Partition,
    before: Timestamp,
) -> Result<usize, Failure> {
    let Some(to) = &partition.to else { return Ok(0) };
    let text = include_str!("queries/partition_is_over.sql")
        .replace("{partition}", &database.schema.table(&partition.name))
        .replace("{deliveries}", &database.schema.table("deliveries"));
    let rows = database.change_with(text, crate::arguments![to.as_str(), Time(before)]).await?;
    let Some(attempts) = rows.first() else { return Ok(0) };
    let attempts: i64 = attempts.try_get("attempts")?;
    let is_gone = detach_and_drop(connection, database, "attempts", &partition.name).await?;
    Ok(if is_gone { usize::try_from(attempts).unwrap_or_default() } else { 0 })
}

/// Takes a partition out of its table and drops it; `false` when another process is changing tables.
async fn detach_and_drop(
    connection: &mut PgConnection,
    database: &Database,
    parent: &str,
    name: &str,
) -> Result<bool, Failure> {
    let name = quote(name);
    let dropped = in_transaction(connection, database, async |connection| {
        let text = format!("ALTER TABLE {parent} DETACH PARTITION {name}; DROP TABLE {name};");
        connection.execute(AssertSqlSafe(text)).await?;
        Ok(())
    });
    Ok(dropped.await?.is_some())
}

/// Drops partitions of events that are wholly before `before`, oldest first, and what is known about
/// them: ids, keys, dead letters. Stops at the first that holds an event that is younger, not routed,
/// or waits to be delivered. Answers the last place of the log that is gone, or `None`.
pub(crate) async fn drop_events(database: &Database, before: Timestamp) -> Result<Option<Seq>, Failure> {
    let mut gone = None;
    for partition in of(database, "events").await? {
        let Some(end) = partition.to.as_deref().and_then(|to| to.parse::<i64>().ok()) else { continue };
        let name = database.schema.table(&partition.name);
        let text = include_str!("queries/partition_is_old.sql").replace("{partition}", &name);
        let rows = database.change_with(text, crate::arguments![end, Time(before)]).await?;
        if !rows.first().is_some_and(|row| row.try_get("is_old").unwrap_or(false)) {
            break;
        }
        loop {
            let rows = database.change(include_str!("queries/forget_events.sql"), crate::arguments![end]).await?;
            if rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("forgotten"))? == 0 {
                break;
            }
        }
        let mut connection = database.connection().await?;
        if !detach_and_drop(&mut connection, database, "events", &partition.name).await? {
            break;
        }
        gone = Some(Seq(end - 1));
    }
    Ok(gone)
}
