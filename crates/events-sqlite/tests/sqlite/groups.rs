//! Operations that share a commit.

use std::{future, path::Path, pin::pin};

use events_core::{
    EventStore, StoreError,
    ports::RoutedEvent,
    testkit::{at, delivery, event},
};

use crate::support::{Place, events, log};

/// Commits in a WAL: frames that tell the size of the database after a commit.
fn commits(wal: &Path) -> usize {
    let bytes = std::fs::read(wal).unwrap();
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let frame = 24 + usize::try_from(word(8)).unwrap();
    let frames = (32..bytes.len()).step_by(frame).take_while(|at| bytes[at + 8..at + 16] == bytes[16..24]);
    frames.filter(|at| word(at + 4) > 0).count()
}

#[tokio::test]
async fn operations_that_wait_together_share_a_commit() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let before = commits(&place.file("events.db-wal"));
    let appends = (0..40).map(|_| place.store.append(events(1)));
    for appended in join_all(appends).await {
        appended.unwrap();
    }
    assert_eq!(log(&place.store).await.len(), 41);
    assert_eq!(commits(&place.file("events.db-wal")) - before, 1);
}

#[tokio::test]
async fn an_operation_that_fails_fails_alone() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let seq = place.store.unrouted(1).await.unwrap().events[0].seq;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN NEW.event_type = 'user.guilty' BEGIN
                      SELECT RAISE(ABORT, 'guilty as charged');
                  END";
    sqlx::raw_sql(refuse).execute(&mut place.connection().await).await.unwrap();
    let guilty = event("user.guilty").build();
    let routed = RoutedEvent { seq, deliveries: vec![delivery("slack", "a")], cancellations: Vec::new() };

    let (before, failed, routed, after) = tokio::join!(
        place.store.append(events(2)),
        place.store.append(vec![guilty, event("user.login").build()]),
        place.store.route(vec![routed], at(0)),
        place.store.append(events(600)),
    );
    assert!(matches!(failed, Err(StoreError::Unavailable(ref why)) if why.contains("guilty as charged")), "{failed:?}");
    assert_eq!((before.unwrap().len(), after.unwrap().len()), (2, 600));
    assert_eq!(routed.unwrap().deliveries, 1);
    assert_eq!(log(&place.store).await.len(), 603, "the neighbour of the guilty event is not stored either");
}

#[tokio::test]
async fn a_caller_that_gives_up_leaves_all_or_nothing_behind() {
    let place = Place::new().await;
    {
        let mut append = pin!(place.store.append(events(1_300)));
        tokio::select! {
            biased;
            _ = &mut append => panic!("it cannot be done at once"),
            () = future::ready(()) => {}
        }
    }
    place.store.append(events(1)).await.unwrap(); // comes after what was queued before
    assert_eq!(log(&place.store).await.len(), 1_301);
}

#[tokio::test]
async fn a_closing_store_finishes_what_waits() {
    let place = Place::new().await;
    let appends = (0..100).map(|_| place.store.append(events(5)));
    let (appended, ()) = tokio::join!(join_all(appends), place.store.close());
    let stored = appended.into_iter().filter(Result::is_ok).count();
    let again = events_sqlite::SqliteStore::open(place.file("events.db")).await.unwrap();
    assert_eq!(stored, 100);
    assert_eq!(log(&again).await.len(), 500);
}

/// Large batches take several statements, and are one commit all the same.
#[tokio::test]
async fn a_large_batch_finds_its_duplicates() {
    use events_core::ports::Appended;
    let place = Place::new().await;
    let mut batch = events(1_200);
    batch.push(batch[3].clone());
    batch[700] = batch[600].clone();
    let appended = place.store.append(batch.clone()).await.unwrap();
    let existing =
        |at: usize| matches!(&appended[at], Appended::Existing(first) if first.event_id == batch[at].event_id);
    assert!(existing(700) && existing(1_200));
    assert_eq!(appended.iter().filter(|appended| **appended == Appended::Stored).count(), 1_199);
    assert_eq!(log(&place.store).await.len(), 1_199);
}

async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    future::poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs).filter(|(_, output)| output.is_none()) {
            if let std::task::Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
