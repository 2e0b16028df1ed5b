//! Claims: what is leased, what is passed over, and how leases that end are found.

use events_core::{
    EventStore, StoredEvent,
    delivery::Delivery,
    ports::RoutedEvent,
    testkit::{at, claim, delivery, done},
};
use events_postgres::PgStore;
use sqlx::Connection;

use crate::support::{Place, events};

/// So many deliveries, claimed `each` at a time for 30 s.
async fn claimed(store: &PgStore, count: usize, each: usize) -> Vec<Delivery> {
    store.append(events(count)).await.unwrap();
    let routed = store.unrouted(count).await.unwrap().events;
    let routed = routed.iter().map(|it| RoutedEvent {
        seq: it.seq,
        deliveries: vec![delivery("webhooks", "a")],
        cancellations: Vec::new(),
    });
    store.route(routed.collect(), at(0)).await.unwrap();
    let mut claimed = Vec::new();
    while claimed.len() < count {
        claimed.extend(store.claim(claim("webhooks").limit(each).build()).await.unwrap());
    }
    claimed
}

/// A loss of power may take a claim back (docs/decisions/0021): the row is then as it was before.
#[tokio::test]
async fn a_worker_whose_claim_the_database_forgot_is_fenced_out() {
    let place = Place::new().await;
    let forgotten = claimed(&place.store, 20, 20).await;
    sqlx::query("UPDATE deliveries SET attempts = 0, lease = 0, lease_until = NULL, worker = NULL")
        .execute(&mut place.connection().await)
        .await
        .unwrap();
    sqlx::query("UPDATE target_states SET first_due_at = '-infinity'")
        .execute(&mut place.connection().await)
        .await
        .unwrap();
    let current = place.store.claim(claim("webhooks").limit(20).build()).await.unwrap();
    assert_eq!(current.len(), 20);
    let late = place.store.settle(forgotten.iter().map(|it| done(it, at(1))).collect()).await.unwrap();
    assert_eq!((late.settled, late.fenced.len()), (0, 20), "{late:?}");
    let renewed = place.store.renew(forgotten.iter().map(Delivery::lease_ref).collect(), at(60)).await.unwrap();
    assert_eq!(renewed.len(), 20, "none of them is held any longer");
    let settled = place.store.settle(current.iter().map(|it| done(it, at(2))).collect()).await.unwrap();
    assert_eq!((settled.settled, settled.fenced.len()), (20, 0), "{settled:?}");
}

/// How many claims are looked after.
async fn claims(place: &Place) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM claims").fetch_one(&mut place.connection().await).await.unwrap()
}

#[tokio::test]
async fn no_index_of_deliveries_changes_with_a_claim() {
    let place = Place::new().await;
    let indexes: Vec<String> =
        sqlx::query_scalar("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'deliveries'::regclass")
            .fetch_all(&mut place.connection().await)
            .await
            .unwrap();
    assert!(!indexes.is_empty());
    for changed in ["lease", "worker", "attempts"] {
        assert!(indexes.iter().all(|index| !index.contains(changed)), "{indexes:#?}");
    }
}

#[tokio::test]
async fn a_claim_is_forgotten_once_nothing_of_it_is_leased() {
    let place = Place::new().await;
    let claimed = claimed(&place.store, 3, 3).await;
    place.store.settle(vec![done(&claimed[0], at(1))]).await.unwrap();
    assert_eq!(place.store.release_expired(at(30), 100).await.unwrap(), 0, "a lease lasts until its end");
    assert_eq!(claims(&place).await, 1);
    assert_eq!(place.store.release_expired(at(31), 100).await.unwrap(), 2);
    assert_eq!(claims(&place).await, 0);
}

#[tokio::test]
async fn what_was_renewed_is_looked_at_when_its_new_lease_ends() {
    let place = Place::new().await;
    let claimed = claimed(&place.store, 3, 3).await;
    let renewed = place.store.renew(vec![claimed[1].lease_ref()], at(60)).await.unwrap();
    assert_eq!(renewed, []);
    assert_eq!(place.store.release_expired(at(31), 100).await.unwrap(), 2);
    let look_at: i64 = sqlx::query_scalar("SELECT extract(epoch FROM look_at)::bigint FROM claims")
        .fetch_one(&mut place.connection().await)
        .await
        .unwrap();
    assert_eq!(look_at, at(60).as_second());
    assert_eq!((claims(&place).await, place.store.release_expired(at(60), 100).await.unwrap()), (1, 0));
    assert_eq!((place.store.release_expired(at(61), 100).await.unwrap(), claims(&place).await), (1, 0));
}

#[tokio::test]
async fn all_that_is_lost_is_found_among_many_claims_and_within_a_limit() {
    let place = Place::new().await;
    let claimed = claimed(&place.store, 600, 1).await;
    let settled: Vec<_> = claimed.iter().take(300).map(|it| done(it, at(1))).collect();
    place.store.settle(settled).await.unwrap();
    assert_eq!(place.store.release_expired(at(31), 7).await.unwrap(), 7);
    assert_eq!(place.store.release_expired(at(31), 1_000).await.unwrap(), 293);
    assert_eq!(claims(&place).await, 0);
}

#[tokio::test]
async fn the_rest_of_a_claim_is_found_after_a_limit() {
    let place = Place::new().await;
    claimed(&place.store, 10, 10).await;
    for expected in [4, 4, 2, 0] {
        assert_eq!(place.store.release_expired(at(31), 4).await.unwrap(), expected);
    }
    assert_eq!(claims(&place).await, 0);
}

/// Nobody waits for anybody: what somebody else has locked is passed over, and found afterwards.
#[tokio::test]
async fn what_somebody_holds_at_this_moment_is_passed_over() {
    let place = Place::new().await;
    place.store.append(events(3)).await.unwrap();
    let routed = place.store.unrouted(3).await.unwrap().events;
    let plan = |it: &StoredEvent| RoutedEvent {
        seq: it.seq,
        deliveries: vec![delivery("webhooks", "a")],
        cancellations: Vec::new(),
    };
    place.store.route(routed.iter().map(plan).collect(), at(0)).await.unwrap();
    let mut connection = place.connection().await;
    let mut holding = connection.begin().await.unwrap();
    let held: i64 = sqlx::query_scalar("SELECT delivery_id FROM deliveries ORDER BY delivery_id LIMIT 1 FOR UPDATE")
        .fetch_one(&mut *holding)
        .await
        .unwrap();
    let free = place.store.claim(claim("webhooks").build()).await.unwrap();
    assert_eq!(free.len(), 2);
    assert!(free.iter().all(|free| free.delivery_id.0 != held));
    holding.rollback().await.unwrap();
    let rest = place.store.claim(claim("webhooks").build()).await.unwrap();
    assert_eq!(rest.iter().map(|rest| rest.delivery_id.0).collect::<Vec<_>>(), [held], "nothing is hidden by it");
}
