//! Readers of the log neither skip nor repeat, although commits come in another order.

use events_core::{EventHistory, EventStore, Seq};
use sqlx::{Connection, Executor};

use crate::support::{Place, events, log};

async fn places(place: &Place, after: i64) -> Vec<i64> {
    place.store.scan(Seq(after), 100).await.unwrap().iter().map(|event| event.seq.0).collect()
}

#[tokio::test]
async fn an_older_transaction_that_is_open_is_waited_for_and_not_skipped() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let mut connection = place.connection().await;
    let mut older = connection.begin().await.unwrap();
    place.store.append_in(&mut older, &events(1)).await.unwrap();
    place.store.append(events(1)).await.unwrap();
    assert_eq!(places(&place, 0).await, [1], "place 2 may still come");
    assert_eq!(place.store.unrouted(10).await.unwrap().events.len(), 2, "which holds up no router");
    older.commit().await.unwrap();
    assert_eq!(places(&place, 1).await, [2, 3]);
}

#[tokio::test]
async fn a_place_that_was_rolled_back_is_passed_over() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    let mut undone = connection.begin().await.unwrap();
    place.store.append_in(&mut undone, &events(3)).await.unwrap();
    place.store.append(events(1)).await.unwrap();
    assert_eq!(places(&place, 0).await, [] as [i64; 0]);
    undone.rollback().await.unwrap();
    assert_eq!(places(&place, 0).await, [4]);
    assert_eq!(places(&place, 2).await, [4]);
}

/// Who came after the gap cannot hold it, however long they take.
#[tokio::test]
async fn a_gap_is_passed_when_those_who_may_have_held_it_are_gone() {
    let place = Place::new().await;
    let (mut one, mut other) = (place.connection().await, place.connection().await);
    let mut undone = one.begin().await.unwrap();
    place.store.append_in(&mut undone, &events(1)).await.unwrap();
    place.store.append(events(1)).await.unwrap();
    assert_eq!(places(&place, 0).await, [] as [i64; 0]);
    undone.rollback().await.unwrap();
    let mut younger = other.begin().await.unwrap();
    place.store.append_in(&mut younger, &events(1)).await.unwrap();
    place.store.append(events(1)).await.unwrap();
    assert_eq!(places(&place, 0).await, [2], "3 is open, 1 is not");
    younger.commit().await.unwrap();
    assert_eq!(places(&place, 0).await, [2, 3, 4]);
}

/// Transactions that write something else stop nobody, however old they are.
#[tokio::test]
async fn an_idle_transaction_elsewhere_hides_nothing() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    let mut idle = connection.begin().await.unwrap();
    idle.execute("CREATE TABLE something (id integer)").await.unwrap();
    idle.execute("SELECT count(*) FROM events").await.unwrap();
    let mut undone = place.connection().await;
    let mut undone = undone.begin().await.unwrap();
    place.store.append_in(&mut undone, &events(1)).await.unwrap();
    undone.rollback().await.unwrap();
    place.store.append(events(2)).await.unwrap();
    assert_eq!(places(&place, 0).await, [2, 3]);
}

/// Followers that read while many publish see each event once, in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_among_many_publishers_sees_each_event_once() {
    let place = std::sync::Arc::new(Place::new().await);
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..6 {
        let place = std::sync::Arc::clone(&place);
        publishers.spawn(async move {
            let mut connection = place.connection().await;
            for round in 0..20 {
                let mut transaction = connection.begin().await.unwrap();
                place.store.append_in(&mut transaction, &events(1 + round % 3)).await.unwrap();
                if (publisher + round) % 5 == 0 {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                }
            }
        });
    }
    let (mut seen, mut after, mut finished) = (Vec::new(), Seq::START, false);
    loop {
        let events = place.store.scan(after, 7).await.unwrap();
        if finished && events.is_empty() {
            break;
        }
        after = events.last().map_or(after, |event| event.seq);
        seen.extend(events);
        while let Some(done) = publishers.try_join_next() {
            done.unwrap();
        }
        finished = publishers.is_empty();
    }
    assert!(seen == log(&place.store).await, "{} seen", seen.len());
    let mut connection = place.connection().await;
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut connection).await.unwrap();
    assert_eq!(i64::try_from(seen.len()).unwrap(), there);
}
