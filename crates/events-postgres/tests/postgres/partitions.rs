//! Partitions are made ahead of time and dropped when they are old.

use std::time::Duration;

use events_core::{
    EventHistory, EventStore, Seq,
    ports::{Clock, PruneRequest, RoutedEvent},
};
use events_postgres::PgConnection;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Executor};

use crate::support::{Place, events, log};

pub(crate) const BLOCK: i64 = 1 << 21;

pub(crate) async fn partitions(place: &Place, table: &str) -> Vec<String> {
    partitions_seen_by(&mut place.connection().await, table).await
}

pub(crate) async fn partitions_seen_by(connection: &mut PgConnection, table: &str) -> Vec<String> {
    let query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = $1::text::regclass ORDER BY 1";
    sqlx::query_scalar(query).bind(table).fetch_all(connection).await.unwrap()
}

fn before(time: Timestamp) -> PruneRequest {
    PruneRequest { attempts_before: time, dead_letters_before: time, keys_before: time, limit: 100 }
}

/// Off the outbox, with nothing to deliver.
pub(crate) async fn routed(place: &Place) {
    let unrouted = place.store.unrouted(100).await.unwrap().events;
    let plans = unrouted.iter().map(|it| RoutedEvent { seq: it.seq, deliveries: vec![], cancellations: vec![] });
    place.store.route(plans.collect(), place.store.clock().now()).await.unwrap();
}

pub(crate) async fn go_on_at(place: &Place, seq: i64) {
    let restart = AssertSqlSafe(format!("ALTER TABLE events ALTER COLUMN seq RESTART WITH {seq}"));
    place.connection().await.execute(restart).await.unwrap();
}

#[tokio::test]
async fn partitions_are_there_before_they_are_needed() {
    let place = Place::new().await;
    assert_eq!(
        partitions(&place, "events").await,
        ["events_default", "events_from_0", &format!("events_from_{BLOCK}")]
    );
    assert_eq!(partitions(&place, "attempts").await.len(), 4, "this week, two more, and the one without bounds");
    go_on_at(&place, BLOCK + 1).await;
    place.store.append(events(1)).await.unwrap();
    place.store.prune(before(Timestamp::MIN)).await.unwrap();
    assert!(partitions(&place, "events").await.contains(&format!("events_from_{}", 2 * BLOCK)));
}

/// Where nobody looked after them, inserts work all the same, and later ones find a partition again.
#[tokio::test]
async fn an_insert_without_a_partition_does_not_fail() {
    let place = Place::new().await;
    go_on_at(&place, 5 * BLOCK).await;
    place.store.append(events(2)).await.unwrap();
    assert_eq!(place.store.unrouted(10).await.unwrap().events.len(), 2);
    place.store.prune(before(Timestamp::MIN)).await.unwrap();
    let there = partitions(&place, "events").await;
    assert!(there.contains(&format!("events_from_{}", 6 * BLOCK)), "{there:?}");
    assert!(!there.contains(&format!("events_from_{}", 5 * BLOCK)), "the other one has some of it: {there:?}");
    assert_eq!(log(&place.store).await.len(), 2);
}

#[tokio::test]
async fn old_partitions_of_events_are_dropped_and_younger_ones_stay() {
    let place = Place::new().await;
    let old = events(3);
    place.store.append(old.clone()).await.unwrap();
    routed(&place).await;
    let now = place.store.clock().now();
    let later = now + SignedDuration::from_secs(60);
    assert_eq!(place.store.drop_events(later).await.unwrap(), None, "it is the one that is written to");
    go_on_at(&place, BLOCK).await;
    place.store.append(events(1)).await.unwrap();
    assert_eq!(place.store.drop_events(old[0].created_at).await.unwrap(), None, "one is not older");
    assert_eq!(place.store.drop_events(later).await.unwrap(), Some(Seq(BLOCK - 1)));
    let left = log(&place.store).await;
    assert_eq!(left.iter().map(|event| event.seq).collect::<Vec<_>>(), [Seq(BLOCK)]);
    assert_eq!(place.store.event(old[0].event_id, None).await.unwrap(), None);
    let again = place.store.append(old).await.unwrap();
    assert_eq!(again, vec![events_core::ports::Appended::Stored; 3], "ids that are gone can be used again");
}

#[tokio::test]
async fn events_that_somebody_waits_for_are_not_dropped() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    go_on_at(&place, BLOCK).await;
    place.store.append(events(1)).await.unwrap();
    let later = place.store.clock().now() + SignedDuration::from_secs(60);
    assert_eq!(place.store.drop_events(later).await.unwrap(), None);
    routed(&place).await;
    assert_eq!(place.store.drop_events(later).await.unwrap(), Some(Seq(BLOCK - 1)));
}

/// A drop that does not get its lock gives up; those who publish wait no longer than it does.
#[tokio::test]
async fn a_drop_gives_way_to_those_who_use_the_table() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    routed(&place).await;
    go_on_at(&place, BLOCK).await;
    place.store.append(events(1)).await.unwrap();
    let mut connection = place.connection().await;
    let mut reader = sqlx::Connection::begin(&mut connection).await.unwrap();
    reader.execute("SELECT count(*) FROM events").await.unwrap();
    let later = place.store.clock().now() + SignedDuration::from_secs(60);
    let answer = place.store.drop_events(later).await;
    assert!(matches!(answer, Err(events_core::StoreError::Unavailable(_))), "{answer:?}");
    reader.rollback().await.unwrap();
    assert_eq!(place.store.drop_events(later).await.unwrap(), Some(Seq(BLOCK - 1)));
}

/// 40,000 attempts of last month go with their partition; the few of last week go row by row.
#[tokio::test]
async fn old_partitions_of_attempts_are_dropped_as_a_whole() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    connection
        .execute(
            "CREATE TABLE attempts_from_20200106 PARTITION OF attempts
             FOR VALUES FROM ('2020-01-06 00:00:00+00') TO ('2020-01-13 00:00:00+00');
             INSERT INTO attempts (delivery_id, seq, handler, target, number, outcome, final, duration_ms, response, created_at)
             SELECT n, n, 'slack', 'a', 1, 'done', true, 1, repeat('x', 800), '2020-01-07' FROM generate_series(1, 40000) n;
             INSERT INTO attempts (delivery_id, seq, handler, target, number, outcome, final, duration_ms, created_at)
             SELECT n, n, 'slack', 'a', 1, 'done', true, 1, '2020-02-01' FROM generate_series(50001, 50003) n;",
        )
        .await
        .unwrap();
    let within: Timestamp = "2020-01-10T00:00:00Z".parse().unwrap();
    assert_eq!(place.store.prune(before(within)).await.unwrap().attempts, 0, "half of it is younger");
    connection
        .execute(
            "INSERT INTO deliveries (delivery_id, seq, handler, target, due_at) VALUES (7, 7, 'slack', 'a', now())",
        )
        .await
        .unwrap();
    let month = "2020-01-20T00:00:00Z".parse().unwrap();
    assert_eq!(place.store.prune(before(month)).await.unwrap().attempts, 0, "one of its deliveries still waits");
    connection.execute("DELETE FROM deliveries").await.unwrap();
    assert_eq!(place.store.prune(before(month)).await.unwrap().attempts, 40_000);
    assert!(!partitions(&place, "attempts").await.contains(&"attempts_from_20200106".to_owned()));
    let now = place.store.clock().now() - SignedDuration::try_from(Duration::from_secs(86_400)).unwrap();
    assert_eq!(place.store.prune(before(now)).await.unwrap().attempts, 3);
}

/// Maintenance of several processes at the same moment: one changes the tables, the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn several_may_look_after_partitions_at_the_same_time() {
    let place = std::sync::Arc::new(Place::new().await);
    go_on_at(&place, BLOCK + 1).await;
    place.store.append(events(1)).await.unwrap();
    let mut looking = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let place = std::sync::Arc::clone(&place);
        looking.spawn(async move { place.store.prune(before(Timestamp::MIN)).await.unwrap() });
    }
    looking.join_all().await;
    assert!(partitions(&place, "events").await.contains(&format!("events_from_{}", 2 * BLOCK)));
}
