//! Hearing of work that another process made.

use events_core::{
    EventStore,
    ports::RoutedEvent,
    testkit::{at, claim, delivery, handed_back},
};
use events_postgres::{PgWakeups, Wakeup};
use sqlx::{Connection, Executor};

use crate::support::{Place, events};

async fn listening(place: &Place) -> PgWakeups {
    let mut wakeups = place.store.wakeups().unwrap();
    assert_eq!(wakeups.next().await, Wakeup::All, "a new connection may have missed anything");
    wakeups
}

#[tokio::test]
async fn events_and_deliveries_wake_other_processes() {
    let place = Place::new().await;
    let mut wakeups = listening(&place).await;
    let other = place.schema.open().await;
    other.append(events(3)).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Outbox);
    let seq = other.unrouted(1).await.unwrap().events[0].seq;
    let plan = RoutedEvent { seq, deliveries: vec![delivery("slack", "#general")], cancellations: Vec::new() };
    other.route(vec![plan], at(0)).await.unwrap();
    let claimed = other.claim(claim("slack").build()).await.unwrap();
    other.settle(vec![handed_back(&claimed[0], at(1))]).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Handler("slack".into()));
}

#[tokio::test]
async fn the_commit_of_an_application_wakes_routers() {
    let place = Place::new().await;
    let mut wakeups = listening(&place).await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    place.store.append_in(&mut transaction, &events(1)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Outbox);
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_wakes_everybody() {
    let place = Place::new().await;
    let mut wakeups = listening(&place).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' || $1 || '%'";
    sqlx::query(cut).bind(place.store.schema()).execute(&mut place.connection().await).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::All);
    let other = place.schema.open().await;
    other.append(events(1)).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Outbox);
}

/// A store does not wake its own process, which knows what it has done.
#[tokio::test]
async fn what_a_store_does_itself_does_not_wake_it() {
    let place = Place::new().await;
    let mut wakeups = listening(&place).await;
    place.store.append(events(1)).await.unwrap();
    let seq = place.store.unrouted(1).await.unwrap().events[0].seq;
    let other = place.schema.open().await;
    let plan = RoutedEvent { seq, deliveries: vec![delivery("slack", "#general")], cancellations: Vec::new() };
    other.route(vec![plan], at(0)).await.unwrap();
    let claimed = other.claim(claim("slack").build()).await.unwrap();
    other.settle(vec![handed_back(&claimed[0], at(1))]).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Handler("slack".into()), "its own event did not come before");
}

/// Two stores on one database do not wake each other, and what others send means nothing.
#[tokio::test]
async fn wake_ups_stay_in_their_schema() {
    let (place, elsewhere) = (Place::new().await, Place::new().await);
    let mut wakeups = listening(&place).await;
    elsewhere.store.append(events(1)).await.unwrap();
    let mut connection = place.connection().await;
    let nonsense = sqlx::AssertSqlSafe(format!("NOTIFY events_{}, 'nonsense'", place.store.schema()));
    connection.execute(nonsense).await.unwrap();
    let other = place.schema.open().await;
    other.append(events(1)).await.unwrap();
    assert_eq!(wakeups.next().await, Wakeup::Outbox);
}
