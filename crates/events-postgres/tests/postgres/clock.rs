//! The clock of the database.

use events_core::ports::Clock;
use sqlx::Row;

use crate::support::Place;

#[tokio::test]
async fn the_clock_tells_the_databases_time() {
    let place = Place::new().await;
    let clock = place.store.clock();
    let mut connection = place.connection().await;
    let ask = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now";
    let before: i64 = sqlx::query(ask).fetch_one(&mut connection).await.unwrap().get("now");
    let told = clock.now();
    let after: i64 = sqlx::query(ask).fetch_one(&mut connection).await.unwrap().get("now");
    // As precise as half of the round trip that measured it.
    let error = i64::try_from(clock.round_trip().as_micros()).unwrap();
    let told = told.as_microsecond();
    assert!(before - error <= told && told <= after + error, "{before} {told} {after} ±{error}");
    assert!(clock.skew().as_micros().abs() <= i128::from(error) + 1_000_000, "the server is this machine");
}

#[tokio::test]
async fn the_clock_never_goes_backwards_and_counts_microseconds() {
    let clock = Place::new().await.store.clock();
    let told: Vec<_> = (0..10_000).map(|_| clock.now()).collect();
    assert!(told.is_sorted());
    assert!(told.iter().all(|time| time.subsec_nanosecond() % 1_000 == 0));
}
