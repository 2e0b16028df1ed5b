//! Connections that are cut, and callers that go away.

use std::{future::Future, task::Poll};

use events_core::{EventHistory, EventStore, Seq, StoreError, ports::Appended};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::support::{Place, events, log};

/// Ends all connections of the store, which are those that call themselves after it.
async fn cut(place: &Place) -> i64 {
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'";
    sqlx::query_scalar(cut).bind(place.store.schema()).fetch_one(&mut place.connection().await).await.unwrap()
}

/// Waits until a statement of the store waits for a lock.
async fn until_it_waits(place: &Place) {
    let mut connection = place.connection().await;
    let waits =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%')";
    loop {
        if sqlx::query_scalar(waits).bind(place.store.schema()).fetch_one(&mut connection).await.unwrap() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_whose_connection_is_cut_is_unknown_and_can_be_done_again() {
    let place = std::sync::Arc::new(Place::new().await);
    let mut connection = place.connection().await;
    let mut holder = connection.begin().await.unwrap();
    holder.execute("LOCK TABLE events IN EXCLUSIVE MODE").await.unwrap();
    let (mine, publisher) = (events(3), std::sync::Arc::clone(&place));
    let batch = mine.clone();
    let publishing = tokio::spawn(async move { publisher.store.append(batch).await });
    until_it_waits(&place).await;
    assert!(cut(&place).await > 0);
    let answer = publishing.await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
    holder.rollback().await.unwrap();
    assert_eq!(place.store.append(mine).await.unwrap(), vec![Appended::Stored; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_connection_is_cut_changes_nothing_and_works_again() {
    let place = std::sync::Arc::new(Place::new().await);
    let mut connection = place.connection().await;
    let mut holder = connection.begin().await.unwrap();
    holder.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let reader = std::sync::Arc::clone(&place);
    let reading = tokio::spawn(async move { reader.store.unrouted(10).await });
    until_it_waits(&place).await;
    cut(&place).await;
    let answer = reading.await.unwrap();
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    holder.rollback().await.unwrap();
    assert_eq!(place.store.unrouted(10).await.unwrap().events, []);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    let place = Place::new().await;
    place.store.close().await;
    let answer = place.store.append(events(1)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

/// A caller may stop waiting after any number of steps; the store works on, and nothing is left open.
#[tokio::test]
async fn callers_that_go_away_leave_no_transaction_behind() {
    let place = Place::new().await;
    for steps in 0..40 {
        let store = &place.store;
        let mut publish = Box::pin(store.append(events(2)));
        for _ in 0..steps {
            let polled = std::future::poll_fn(|context| Poll::Ready(publish.as_mut().poll(context))).await;
            if polled.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(publish);
        store.append(events(1)).await.unwrap();
    }
    place.store.close().await; // what was left behind is finished first
    let store = events_postgres::PgStore::open_with(place.schema.options()).await.unwrap();
    let there = log(&store).await.len();
    assert!((40..=120).contains(&there), "{there}");
    assert_eq!(store.unrouted(1_000).await.unwrap().events.len(), there, "each with its mark in the outbox");
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND query LIKE '%' || $1 || '%'";
    let open: i64 =
        sqlx::query_scalar(open).bind(place.store.schema()).fetch_one(&mut place.connection().await).await.unwrap();
    assert_eq!(open, 0);
}

/// A statement that waits too long for a lock is undone, and says so.
#[tokio::test]
async fn who_waits_too_long_for_a_lock_is_told_that_nothing_was_changed() {
    let place = Place::new().await;
    let options = place.schema.options().lock_timeout(std::time::Duration::from_millis(50));
    let store = events_postgres::PgStore::open_with(options).await.unwrap();
    let mut connection = place.connection().await;
    let mut holder = connection.begin().await.unwrap();
    let lock = AssertSqlSafe(format!("LOCK TABLE {}.events IN EXCLUSIVE MODE", place.store.schema()));
    holder.execute(lock).await.unwrap();
    let answer = store.append(events(1)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    holder.rollback().await.unwrap();
    assert_eq!(store.scan(Seq::START, 10).await.unwrap(), []);
}

/// Lets the table of events refuse what is inserted with this SQLSTATE, the first `times` times.
async fn refuse(place: &Place, sqlstate: &str, times: u32) {
    let refuse = format!(
        "CREATE SEQUENCE tries;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
         BEGIN
             IF nextval('tries') <= {times} THEN
                 RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse();"
    );
    place.connection().await.execute(AssertSqlSafe(refuse)).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    let place = Place::new().await;
    refuse(&place, "53100", 1).await;
    let answer = place.store.append(events(2)).await;
    assert!(matches!(answer, Err(StoreError::Full(_))), "{answer:?}");
    assert_eq!(log(&place.store).await, []);
    place.store.append(events(2)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_leaves_a_publish_unknown() {
    let place = Place::new().await;
    refuse(&place, "57P01", 1).await;
    let answer = place.store.append(events(2)).await;
    assert!(matches!(answer, Err(StoreError::Unknown(_))), "{answer:?}");
}

#[tokio::test]
async fn a_deadlock_is_tried_again_and_not_for_ever() {
    let place = Place::new().await;
    refuse(&place, "40P01", 3).await;
    place.store.append(events(2)).await.unwrap();
    assert_eq!(log(&place.store).await.len(), 2);
    let place = Place::new().await;
    refuse(&place, "40P01", 1_000).await;
    let answer = place.store.append(events(2)).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}
