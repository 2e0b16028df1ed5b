//! The database: whether it keeps what it has confirmed, and whether something holds it up.

use std::{fmt::Display, time::Duration};

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
        findings.push(of_sqlite(events_sqlite::sqlite_version().await));
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

/// What to think of the SQLite that is linked into the program. With an old one no store is opened; here it is said
/// before there is a file, too.
fn of_sqlite(version: Result<String, impl Display>) -> Finding {
    let build = "build the program again, with the SQLite that comes with it";
    match version {
        Ok(version) if events_sqlite::sqlite_is_safe(&version) => {
            Finding::ok("SQLite", format!("version {version} is built in"))
        }
        Ok(version) => {
            Finding::problem("SQLite", format!("version {version} is built in, and can lose commits"), build)
        }
        Err(error) => Finding::problem("SQLite", error.to_string(), build),
    }
}

/// What to think of a database that could not be opened.
fn unopened(error: &anyhow::Error) -> Finding {
    use events_postgres::OpenError as Postgres;
    let remedy = match (error.downcast_ref::<OpenError>(), error.downcast_ref::<Postgres>()) {
        (Some(in_use @ OpenError::InUse { .. }), _) => {
            return Finding::ok("database", format!("a server works on it: {in_use}"));
        }
        (Some(OpenError::NewerSchema { .. }), _) | (_, Some(Postgres::NewerSchema { .. })) => {
            "start the newer version of the program"
        }
        (Some(OpenError::OldSqlite { .. }), _) => "build the program again, with the SQLite that comes with it",
        (Some(_), _) => "check database.url, who may write there, and whether the disk is full",
        _ => "check database.url, and that the server runs",
    };
    Finding::problem("database", format!("{error:#}"), remedy)
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
    findings.push(clock(health.clock_skew));
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

fn clock(skew: SignedDuration) -> Finding {
    if skew.abs() <= SKEW {
        return Finding::ok("clock", format!("this host is {} ms away from the database", skew.as_millis()));
    }
    let direction = if skew.is_positive() { "ahead of" } else { "behind" };
    Finding::warning(
        "clock",
        format!("this host is {:#} {direction} the database; leases go by the database's clock", skew.abs()),
        "run chrony or systemd-timesyncd on both",
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::doctor::State::{self, Ok, Problem, Warning};

    /// A server that is as it should be, but for what `change` makes of it.
    fn server(change: impl FnOnce(&mut Health)) -> Vec<Finding> {
        let mut health = Health::default();
        health.server_version = "15.14".to_owned();
        health.synchronous_commit = "on".to_owned();
        (health.fsync, health.full_page_writes, health.sees_all_roles) = (true, true, true);
        health.connections = (20, 100);
        change(&mut health);
        of_server(&health)
    }

    /// Checks the findings that are not ok: state, subject, and what has to be in what was seen and in the remedy.
    #[track_caller]
    fn check(findings: &[Finding], expected: &[(State, &str, &str, &str)]) {
        let wrong: Vec<_> = findings.iter().filter(|finding| finding.state != Ok).collect();
        assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
        for (finding, (state, subject, seen, remedy)) in wrong.into_iter().zip(expected) {
            assert_eq!((finding.state, finding.subject), (*state, *subject), "{finding:#?}");
            assert!(finding.seen.contains(seen), "{seen}: {finding:#?}");
            assert!(finding.remedy.is_some_and(|text| text.contains(remedy)), "{remedy}: {finding:#?}");
        }
    }

    /// What was seen of a subject that is ok.
    #[track_caller]
    fn seen(findings: &[Finding], subject: &str) -> String {
        let finding = findings.iter().rfind(|finding| finding.subject == subject).expect(subject);
        assert_eq!((finding.state, finding.remedy), (Ok, None), "{finding:#?}");
        finding.seen.clone()
    }

    #[test]
    fn a_server_that_is_well_needs_nothing() {
        let findings = server(|_| {});
        check(&findings, &[]);
        assert_eq!(seen(&findings, "PostgreSQL"), "it takes writes");
        assert_eq!(seen(&findings, "fsync"), "on: commits are written to the disk");
        assert_eq!(seen(&findings, "synchronous_commit"), "on");
        assert_eq!(seen(&findings, "transactions"), "the oldest is 0 s old");
        assert_eq!(seen(&findings, "connections"), "20 of 100 are used");
        assert_eq!(seen(&findings, "clock"), "this host is 0 ms away from the database");
    }

    #[test]
    fn a_standby_is_a_problem() {
        check(
            &server(|it| it.is_standby = true),
            &[(Problem, "PostgreSQL", "takes no writes", "name the primary in database.url")],
        );
    }

    #[test]
    fn a_server_that_does_not_write_to_the_disk_is_a_problem() {
        let off = (Problem, "fsync", "loses events that were confirmed", "set fsync = on in postgresql.conf");
        check(&server(|it| it.fsync = false), &[off]);
        let findings = server(|it| (it.fsync, it.full_page_writes) = (false, false));
        check(&findings, &[off]);
        assert_eq!(seen(&findings, "full_page_writes"), "off, as fsync is");
    }

    #[test]
    fn pages_that_cannot_be_mended_are_a_warning() {
        check(
            &server(|it| it.full_page_writes = false),
            &[(Warning, "full_page_writes", "cannot be mended", "set full_page_writes = on")],
        );
    }

    #[test]
    fn a_role_that_commits_without_waiting_is_a_warning_and_other_degrees_are_not() {
        let off = server(|it| it.synchronous_commit = "off".to_owned());
        let remedy = "ALTER ROLE … SET synchronous_commit = on";
        check(&off, &[(Warning, "synchronous_commit", "events of append_in and of plain SQL can be lost", remedy)]);
        for degree in ["local", "remote_write", "remote_apply"] {
            let findings = server(|it| it.synchronous_commit = degree.to_owned());
            check(&findings, &[]);
            assert_eq!(seen(&findings, "synchronous_commit"), degree);
        }
    }

    #[test]
    fn a_transaction_that_is_open_for_a_minute_is_a_warning_with_its_owner() {
        let open = |milliseconds, of: Option<&str>| {
            let of = of.map(str::to_owned);
            server(|it| (it.oldest_transaction, it.oldest_transaction_of) = (Duration::from_millis(milliseconds), of))
        };
        let findings = open(59_999, Some("billing"));
        check(&findings, &[]);
        assert_eq!(seen(&findings, "transactions"), "the oldest is 59 s old");
        let remedy = "end it (pg_stat_activity shows which), and set idle_in_transaction_session_timeout";
        check(
            &open(60_000, Some("billing")),
            &[(Warning, "transactions", "billing has had one open for 60 s", remedy)],
        );
        for unnamed in [None, Some("")] {
            let seen = "an unnamed program has had one open for 3600 s";
            check(&open(3_600_000, unnamed), &[(Warning, "transactions", seen, remedy)]);
        }
    }

    #[test]
    fn a_role_that_does_not_see_others_is_told_so() {
        let findings = server(|it| it.sees_all_roles = false);
        check(&findings, &[]);
        let told = "the oldest of this role is 0 s old; GRANT pg_read_all_stats TO it shows those of others, too";
        assert_eq!(seen(&findings, "transactions"), told);
    }

    #[test]
    fn few_connections_that_are_left_are_a_warning() {
        check(&server(|it| it.connections = (89, 100)), &[]);
        let expected =
            (Warning, "connections", "90 of 100 are used", "raise max_connections, or put a pooler in between");
        check(&server(|it| it.connections = (90, 100)), &[expected]);
    }

    #[test]
    fn clocks_that_differ_by_more_than_a_second_are_a_warning_in_both_directions() {
        let skewed = |milliseconds| server(|it| it.clock_skew = SignedDuration::from_millis(milliseconds));
        for little in [-1_000, 1_000] {
            let findings = skewed(little);
            check(&findings, &[]);
            assert_eq!(seen(&findings, "clock"), format!("this host is {little} ms away from the database"));
        }
        for (much, told) in
            [(1_001, "this host is 1s 1ms ahead of the database"), (-90_000, "this host is 1m 30s behind the database")]
        {
            check(&skewed(much), &[(Warning, "clock", told, "run chrony or systemd-timesyncd on both")]);
        }
    }

    #[test]
    fn an_sqlite_that_can_lose_commits_is_a_problem() {
        let version = |version: &str| [of_sqlite(Result::<_, io::Error>::Ok(version.to_owned()))];
        let findings = version("3.51.3");
        check(&findings, &[]);
        assert_eq!(seen(&findings, "SQLite"), "version 3.51.3 is built in");
        let remedy = "build the program again";
        check(&version("3.51.2"), &[(Problem, "SQLite", "version 3.51.2 is built in, and can lose commits", remedy)]);
        let silent = of_sqlite(Err(io::Error::other("it says nothing")));
        check(&[silent], &[(Problem, "SQLite", "it says nothing", remedy)]);
    }

    #[test]
    fn a_database_that_cannot_be_opened_is_a_problem_unless_a_server_works_on_it() {
        let path = || "events.db".into();
        let in_use = unopened(&OpenError::InUse { path: path(), pid: None }.into());
        assert_eq!((in_use.state, in_use.remedy), (Ok, None));
        assert!(in_use.seen.starts_with("a server works on it: "), "{in_use:?}");
        let newer = unopened(&OpenError::NewerSchema { path: path(), found: 99, known: 6 }.into());
        check(&[newer], &[(Problem, "database", "99", "start the newer version of the program")]);
        let old = unopened(&OpenError::OldSqlite { found: "3.51.2".to_owned() }.into());
        check(&[old], &[(Problem, "database", "SQLite 3.51.2 can lose commits", "build the program again")]);
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let refused = unopened(&OpenError::Io { path: path(), source: refused }.into());
        check(&[refused], &[(Problem, "database", "cannot open events.db: permission denied", "who may write there")]);
        let old = events_postgres::OpenError::OldServer { database: "database d".to_owned(), found: "12.3".to_owned() };
        check(&[unopened(&old.into())], &[(Problem, "database", "use 13 or newer", "check database.url")]);
    }
}
