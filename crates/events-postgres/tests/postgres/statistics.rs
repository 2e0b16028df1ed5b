//! Counting neither skips nor repeats, although commits come in another order than numbers are drawn.

use events_core::{
    EventStore,
    ports::{Statistics, StatisticsOf, StatisticsQuery},
    statistics::{Day, read},
    testkit::at,
};
use sqlx::{AssertSqlSafe, Connection, Executor, postgres::PgConnection};

use crate::support::{Place, events};

const RECORD: &str =
    "INSERT INTO attempts (delivery_id, seq, handler, target, number, outcome, final, duration_ms, created_at)
     SELECT n, 1, 'webhooks', 'a', 1, 'done', true, 5, now() FROM generate_series(1, {rows}) AS n";

async fn record(connection: &mut PgConnection, rows: usize) {
    connection.execute(AssertSqlSafe(RECORD.replace("{rows}", &rows.to_string()))).await.unwrap();
}

/// Counts what can be counted; answers how many events and attempts are counted then.
async fn counted(place: &Place) -> (u64, u64) {
    while let Some(step) = place.store.uncounted(&["webhooks".into()], 1_000).await.unwrap().step() {
        assert!(place.store.count(step).await.unwrap());
    }
    let counted = place.store.counted(&asks()).await.unwrap();
    let attempts = counted.attempts.iter().map(|(_, _, tally)| tally.succeeded).sum();
    (counted.events.iter().map(|(_, count)| count).sum(), attempts)
}

fn asks() -> StatisticsQuery {
    let since = Day::of(at(0)).minus(u16::MAX);
    StatisticsQuery { handler: "webhooks".into(), of: StatisticsOf::All, since }
}

/// What a reader is told, by events and attempts.
async fn told(place: &Place) -> (u64, u64) {
    let report = read(&place.store, &asks()).await.unwrap();
    (report.events.values().sum(), report.total(None).succeeded)
}

#[tokio::test]
async fn what_commits_late_is_counted_once() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    assert_eq!(counted(&place).await, (1, 0));
    let mut connection = place.connection().await;
    let mut older = connection.begin().await.unwrap();
    place.store.append_in(&mut older, &events(2)).await.unwrap();
    record(&mut older, 3).await;
    place.store.append(events(1)).await.unwrap();
    record(&mut place.connection().await, 1).await;
    assert_eq!(counted(&place).await, (1, 0), "smaller numbers may still come");
    assert_eq!(told(&place).await, (2, 1), "readers are told what can be seen");
    older.commit().await.unwrap();
    assert_eq!(told(&place).await, (4, 4));
    assert_eq!(counted(&place).await, (4, 4));
    assert_eq!(told(&place).await, (4, 4));
}

/// What an idle transaction has drawn is waited for; everything before it is counted all the same.
#[tokio::test]
async fn an_open_transaction_holds_up_what_came_after_it_only() {
    let place = Place::new().await;
    place.store.append(events(3)).await.unwrap();
    record(&mut place.connection().await, 2).await;
    let (mut one, mut other) = (place.connection().await, place.connection().await);
    assert_eq!(counted(&place).await, (3, 2));
    let mut open = one.begin().await.unwrap();
    record(&mut open, 1).await;
    place.store.append(events(2)).await.unwrap();
    assert_eq!(counted(&place).await, (5, 2), "it has published nothing");
    open.rollback().await.unwrap();
    record(&mut other, 1).await;
    assert_eq!(counted(&place).await, (5, 3), "what was undone is passed over");
}

/// The newest attempts are found in the summary of ranges, without reading the others.
#[tokio::test]
async fn the_rest_of_many_attempts_is_found_without_reading_them() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let mut connection = place.connection().await;
    record(&mut connection, 50_000).await;
    connection.execute("VACUUM ANALYZE attempts").await.unwrap(); // which summarizes
    assert_eq!(counted(&place).await, (1, 50_000));
    record(&mut connection, 10).await;
    connection.execute("SET enable_seqscan = off").await.unwrap();
    let text = include_str!("../../src/queries/statistics_attempts.sql");
    let text = text.replace("$1", "50000").replace("$2", "100000").replace("$3", "'{webhooks}'");
    let text = text.replace("$4", "NULL").replace("$5", "NULL");
    let explain = format!("EXPLAIN (ANALYZE, TIMING off) {text}");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
    let pages = plan.iter().filter_map(|line| line.trim().strip_prefix("Heap Blocks: lossy=")?.parse::<u32>().ok());
    let pages: u32 = pages.sum();
    assert!((1..=64).contains(&pages), "{pages} pages read: {}", plan.join("\n"));
}
