//! Storing an event again, where it is looked for first and where it is not.

use std::sync::Arc;

use events_core::{Event, EventId, EventStore, ports::Appended, testkit::event};
use uuid::{NoContext, Timestamp, Uuid};

use crate::support::{Place, log};

fn with_id(id: Uuid) -> Arc<Event> {
    event("user.signup").id(EventId::from_uuid(id)).build()
}

/// An id of version 7, made so many milliseconds from now.
fn made_in(millis: i64) -> Uuid {
    let now = jiff::Timestamp::now().as_millisecond() + millis;
    let (seconds, rest) = (now.div_euclid(1000), now.rem_euclid(1000));
    let nanos = u32::try_from(rest).unwrap() * 1_000_000;
    Uuid::new_v7(Timestamp::from_unix(NoContext, u64::try_from(seconds).unwrap(), nanos))
}

/// Stores it twice, and another event after it; the places in the log that are taken.
async fn twice(id: Uuid) -> Vec<i64> {
    let place = Place::new().await;
    assert_eq!(place.store.append(vec![with_id(id)]).await.unwrap(), [Appended::Stored]);
    let again = place.store.append(vec![with_id(id)]).await.unwrap();
    assert!(matches!(&again[..], [Appended::Existing(first)] if *first == with_id(id)), "{again:?}");
    place.store.append(vec![event("user.login").build()]).await.unwrap();
    log(&place.store).await.iter().map(|stored| stored.seq.0).collect()
}

/// Names of things and old ids come again and again: they are found without an error, and take no place.
#[tokio::test]
async fn an_id_that_may_be_known_is_looked_for_first() {
    for id in [Uuid::from_u128(7), made_in(-60_000), made_in(60_000)] {
        assert_eq!(twice(id).await, [1, 2], "{id}");
    }
}

/// One that was made just now is stored at once. Should it be known all the same, the index says so.
#[tokio::test]
async fn an_id_that_was_made_just_now_is_stored_at_once() {
    assert_eq!(twice(Uuid::now_v7()).await, [1, 3]);
}
