//! The database: whether it keeps what it has confirmed, and whether something holds it up.

use std::time::Duration;

use events_postgres::Health;
use events_sqlite::OpenError;
use jiff::SignedDuration;

use super::Finding;
use crate::{config::Database, storage::Storage};

/// A transaction that is open for longer keeps the tables from being cleaned up.
const LONG_TRANSACTION: Duration = Duration::from_secs(60);
/// Beyond this, log lines of two hosts are hard to put in order.
const SKEW: SignedDuration = SignedDuration::from_secs(1);

/// Opens the database, as a start does, and asks it how it is.
pub(super) async fn examine(database: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Database::Sqlite(path) = database {
        findings.push(sqlite_version().await);
        if !path.exists() {
            findings.push(Finding::ok("database", format!("{database} does not exist yet; the first start makes it")));
            return findings;
        }
    }
    let storage = match Storage::open(database).await {
        Ok(storage) => storage,
        Err(error) => {
            findings.push(unopened(&error));
            return findings;
        }
    };
    findings.push(Finding::ok("database", format!("{database} is at schema version {}", storage.schema_version)));
    match storage.server_health().await {
        Some(Ok(health)) => findings.extend(of_server(&health)),
        Some(Err(error)) => findings.push(Finding::problem("database", error.to_string(), "see the server's log")),
        None => {}
    }
    storage.close().await;
    findings
}

async fn sqlite_version() -> Finding {
    // An older one is refused when the store is opened, too; here it is said which one there is.
    match events_sqlite::sqlite_version().await {
        Ok(version) => Finding::ok("SQLite", format!("version {version} is built in")),
        Err(error) => Finding::problem("SQLite", error.to_string(), "build the program again"),
    }
}

fn unopened(error: &anyhow::Error) -> Finding {
    match error.downcast_ref::<OpenError>() {
        Some(in_use @ OpenError::InUse { .. }) => Finding::ok("database", format!("a server works on it: {in_use}")),
        _ => Finding::problem("database", format!("{error:#}"), "check database.url, and that the server runs"),
    }
}

/// What to think of a PostgreSQL server.
fn of_server(health: &Health) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("PostgreSQL", format!("version {}", health.server_version))];
    findings.push(if health.is_standby {
        Finding::problem("PostgreSQL", "it is a standby, which takes no writes", "name the primary in database.url")
    } else {
        Finding::ok("PostgreSQL", "it takes writes")
    });
    findings.push(if health.fsync {
        Finding::ok("fsync", "on: commits are written to the disk")
    } else {
        Finding::problem(
            "fsync",
            "off: a loss of power loses events that were confirmed, or the whole database",
            "set fsync = on in postgresql.conf and restart the server",
        )
    });
    findings.push(match (health.full_page_writes, health.fsync) {
        (false, true) => Finding::warning(
            "full_page_writes",
            "off: a page that was half written when the power failed cannot be mended",
            "set full_page_writes = on, unless the file system writes whole pages",
        ),
        _ => Finding::ok("full_page_writes", if health.full_page_writes { "on" } else { "off, as fsync is" }),
    });
    findings.push(match health.synchronous_commit.as_str() {
        "off" => Finding::warning(
            "synchronous_commit",
            "off for this role: the store sets it for itself, but events of append_in and of plain SQL can be lost",
            "ALTER ROLE … SET synchronous_commit = on",
        ),
        other => Finding::ok("synchronous_commit", other),
    });
    findings.push(transactions(health));
    findings.push(connections(health.connections));
    findings.push(if health.clock_skew.abs() > SKEW {
        Finding::warning(
            "clock",
            format!("this host is {:#} away from the database; leases go by the database's clock", health.clock_skew),
            "run chrony or systemd-timesyncd on both",
        )
    } else {
        Finding::ok("clock", format!("this host is {} ms away from the database", health.clock_skew.as_millis()))
    });
    findings
}

fn transactions(health: &Health) -> Finding {
    let seconds = health.oldest_transaction.as_secs();
    if health.oldest_transaction < LONG_TRANSACTION {
        return Finding::ok(
            "transactions",
            if health.sees_all_roles {
                format!("the oldest is {seconds} s old")
            } else {
                format!(
                    "the oldest of this role is {seconds} s old; GRANT pg_read_all_stats TO it shows those of others, too"
                )
            },
        );
    }
    let of = health.oldest_transaction_of.as_deref().filter(|name| !name.is_empty()).unwrap_or("an unnamed program");
    Finding::warning(
        "transactions",
        format!("{of} has had one open for {seconds} s; rows that are done with pile up, and followers may wait"),
        "end it (pg_stat_activity shows which), and set idle_in_transaction_session_timeout for that role",
    )
}

fn connections((used, most): (u64, u64)) -> Finding {
    let seen = format!("{used} of {most} are used");
    if used * 10 >= most * 9 {
        return Finding::warning(
            "connections",
            seen,
            "raise max_connections, or put a pooler in between (pooler=true)",
        );
    }
    Finding::ok("connections", seen)
}
