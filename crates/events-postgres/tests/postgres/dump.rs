//! A dump that is restored elsewhere goes on where the database was.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use events_core::{
    EventHistory, EventStore, Seq,
    ports::{Appended, Clock, RoutedEvent},
    testkit::{at, claim, delivery, done},
};
use events_postgres::{PgConnectOptions, PgConnection, PgOptions, PgStore};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::{
    partitions::partitions_seen_by,
    support::{Database, Place, Schema, events, log, url},
    tables::belongings_seen_by,
};

/// One of PostgreSQL's programs, of the newest version there is: an older one refuses a newer server.
fn program(name: &str) -> PathBuf {
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<f64>().ok();
    let installed = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|entry| entry.unwrap().path()).collect();
    versions.sort_by(|one, other| version(other).partial_cmp(&version(one)).unwrap());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = versions.into_iter().map(|version| version.join("bin")).chain(std::env::split_paths(&path));
    let found = places.map(|place| place.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("this test needs {name}; install PostgreSQL's programs (Debian: postgresql-client)"))
}

/// Runs it with `input`, and answers what it prints.
fn run(name: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program(name));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A new database with what a schema held when this was made.
struct Restored {
    database: Database,
    schema: String,
}

impl Restored {
    async fn of(schema: &Schema) -> Self {
        let dump = run("pg_dump", &["--format=custom", "--schema", &schema.0, "--dbname", &url()], b"");
        let database = Database::new().await;
        run("pg_restore", &["--exit-on-error", "--dbname", &database.url], &dump);
        Self { database, schema: schema.0.clone() }
    }

    async fn open(&self) -> PgStore {
        PgStore::open_with(self.database.url.parse::<PgOptions>().unwrap().schema(&self.schema)).await.unwrap()
    }

    async fn connection(&self) -> PgConnection {
        let options: PgConnectOptions = self.database.url.parse().unwrap();
        PgConnection::connect_with(&options.options([("search_path", self.schema.as_str())])).await.unwrap()
    }
}

async fn places(store: &PgStore, after: i64) -> Vec<i64> {
    store.scan(Seq(after), 100).await.unwrap().iter().map(|event| event.seq.0).collect()
}

#[tokio::test]
async fn a_reader_goes_on_in_a_restored_database_and_skips_nothing() {
    let place = Place::new().await;
    place.store.append(events(3)).await.unwrap();
    let (mut one, mut other) = (place.connection().await, place.connection().await);
    let mut undone = one.begin().await.unwrap();
    place.store.append_in(&mut undone, &events(2)).await.unwrap();
    undone.rollback().await.unwrap();
    place.store.append(events(2)).await.unwrap();
    assert_eq!(places(&place.store, 0).await, [1, 2, 3, 6, 7], "4 and 5 were undone");
    let mut open = other.begin().await.unwrap();
    place.store.append_in(&mut open, &events(1)).await.unwrap();
    place.store.append(events(1)).await.unwrap();
    assert_eq!(places(&place.store, 0).await, [1, 2, 3, 6, 7], "8 is open, and 9 waits behind it");
    let before = log(&place.store).await;

    let restored = Restored::of(&place.schema).await;
    open.commit().await.unwrap(); // too late for the dump
    let store = restored.open().await;
    assert_eq!(places(&store, 7).await, [9], "whoever would have committed 8 is not here");
    for after in [0, 2, 3, 4, 6] {
        let expected: Vec<i64> = [1, 2, 3, 6, 7, 9].into_iter().filter(|seq| *seq > after).collect();
        assert_eq!(places(&store, after).await, expected, "from {after}");
    }
    assert_eq!(log(&store).await[..5], before[..], "and they are what they were");

    store.append(events(2)).await.unwrap();
    assert_eq!(places(&store, 9).await, [10, 11], "a place is given once");
    let mut connection = restored.connection().await;
    let mut open = connection.begin().await.unwrap();
    store.append_in(&mut open, &events(1)).await.unwrap();
    store.append(events(1)).await.unwrap();
    assert_eq!(places(&store, 9).await, [10, 11], "12 is waited for, as everywhere");
    open.commit().await.unwrap();
    assert_eq!(places(&store, 11).await, [12, 13]);
    store.close().await;
}

/// Numbers of transactions, of rows within a table, of positions in the server's log, and of objects mean nothing on
/// another server. What is kept must not be one of them: all the others survive a dump.
#[tokio::test]
async fn nothing_is_kept_that_means_something_on_one_server_only() {
    let place = Place::new().await;
    let kept = "SELECT attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
                FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
                WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
                    AND attnum > 0 AND NOT attisdropped
                    AND (
                        typname IN ('xid', 'xid8', 'cid', 'tid', 'pg_lsn', 'pg_snapshot', 'txid_snapshot', 'oid')
                        OR typname LIKE 'reg%'
                    )
                ORDER BY 1";
    let kept: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut place.connection().await).await.unwrap();
    assert_eq!(kept, [] as [&str; 0]);
}

#[tokio::test]
async fn what_waits_is_delivered_by_a_restored_database() {
    let place = Place::new().await;
    let mine = events(3);
    place.store.append(mine.clone()).await.unwrap();
    let unrouted = place.store.unrouted(2).await.unwrap().events;
    let plans = unrouted.iter().map(|it| RoutedEvent {
        seq: it.seq,
        deliveries: vec![delivery("slack", "#general")],
        cancellations: Vec::new(),
    });
    place.store.route(plans.collect(), at(0)).await.unwrap();
    let leased = place.store.claim(claim("slack").limit(1).build()).await.unwrap();

    let restored = Restored::of(&place.schema).await;
    let store = restored.open().await;
    let again = store.append(mine.clone()).await.unwrap();
    assert!(again.iter().all(|it| matches!(it, Appended::Existing(_))), "{again:?}");
    let left = store.unrouted(10).await.unwrap().events;
    assert_eq!(left.iter().map(|it| it.event.event_id).collect::<Vec<_>>(), [mine[2].event_id]);
    let now = store.clock().now();
    let plan =
        RoutedEvent { seq: left[0].seq, deliveries: vec![delivery("slack", "#general")], cancellations: Vec::new() };
    store.route(vec![plan], at(0)).await.unwrap();
    assert_eq!(store.release_expired(now, 10).await.unwrap(), 1, "who had claimed one is not here");
    let claimed = store.claim(claim("slack").limit(10).at(now).build()).await.unwrap();
    let mut of: Vec<_> = claimed.iter().map(|it| it.event.event_id).collect();
    of.sort();
    let mut expected: Vec<_> = mine.iter().map(|event| event.event_id).collect();
    expected.sort();
    assert_eq!(of, expected);
    let settled = claimed.iter().map(|it| done(it, now)).collect();
    assert_eq!(store.settle(settled).await.unwrap().settled, 3);
    let late = store.settle(vec![done(&leased[0], now)]).await.unwrap();
    assert_eq!(late.settled, 0, "a lease from before is over");
    store.close().await;
}

/// Partitions, indexes, triggers and their search paths: what plain SQL finds is what it found before.
#[tokio::test]
async fn a_restored_database_has_all_of_the_tables() {
    let place = Place::new().await;
    let restored = Restored::of(&place.schema).await;
    let (mut before, mut after) = (place.connection().await, restored.connection().await);
    for table in ["events", "attempts"] {
        let partitions = partitions_seen_by(&mut before, table).await;
        assert_eq!(partitions_seen_by(&mut after, table).await, partitions);
        for partition in partitions {
            let belongings = belongings_seen_by(&mut before, &partition).await;
            assert_eq!(belongings_seen_by(&mut after, &partition).await, belongings, "{partition}");
        }
    }
    after.execute("SET search_path TO pg_catalog").await.unwrap();
    let publish =
        format!("INSERT INTO {}.events (event_type, payload) VALUES ('user.signup', '{{}}')", restored.schema);
    after.execute(AssertSqlSafe(publish)).await.unwrap();
    let change = AssertSqlSafe(format!("UPDATE {}.events SET actor = 'me'", restored.schema));
    let refused = after.execute(change).await.unwrap_err();
    assert!(refused.to_string().contains("events are immutable"), "{refused}");
    let store = restored.open().await;
    assert_eq!(store.unrouted(10).await.unwrap().events.len(), 1);
    store.close().await;
}
