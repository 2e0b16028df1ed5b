//! Several processes on one database: here, several stores.

use std::{collections::HashSet, sync::Arc};

use events_core::{
    DeliveryId, EventStore,
    ports::{Appended, RoutedEvent},
    testkit::{at, claim, delivery, done, event},
};
use events_postgres::{PgConnection, PgStore};
use sqlx::Executor;
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{Place, Schema, events, log};

/// The same idempotency key from 50 publishers at once in two processes is one event.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_publishers_of_one_key_in_two_processes_store_one_event() {
    let schema = Schema::new();
    let stores = [Arc::new(schema.open().await), Arc::new(schema.open().await)];
    let start = Arc::new(Barrier::new(50));
    let mut publishers = JoinSet::new();
    for publisher in 0..50 {
        let (store, start) = (Arc::clone(&stores[publisher % 2]), Arc::clone(&start));
        publishers.spawn(async move {
            let mine = event("order.placed").idempotency_key("order-1").build();
            start.wait().await;
            match store.append(vec![Arc::clone(&mine)]).await.unwrap().remove(0) {
                Appended::Stored => (true, mine.event_id),
                Appended::Existing(first) => (false, first.event_id),
                Appended::Conflict(_) => panic!("the content is the same"),
            }
        });
    }
    let answers = publishers.join_all().await;
    assert_eq!(answers.iter().filter(|(stored, _)| *stored).count(), 1);
    assert_eq!(answers.iter().map(|(_, first)| first).collect::<HashSet<_>>().len(), 1);
    assert_eq!(log(&stores[0]).await.len(), 1);
}

/// Batches with the same events in opposite orders wait for each other, and neither is lost.
#[tokio::test(flavor = "multi_thread")]
async fn batches_with_the_same_events_in_other_orders_do_not_deadlock() {
    let schema = Schema::new();
    let stores = [Arc::new(schema.open().await), Arc::new(schema.open().await)];
    for round in 0..10 {
        let same: Vec<_> =
            (0..40).map(|at| event("order.placed").idempotency_key(&format!("{round}-{at}")).build()).collect();
        let mut publishers = JoinSet::new();
        for (publisher, store) in stores.iter().cycle().take(4).enumerate() {
            let (store, mut batch) = (Arc::clone(store), same.clone());
            if publisher % 2 == 1 {
                batch.reverse();
            }
            publishers.spawn(async move { store.append(batch).await.unwrap() });
        }
        let stored = publishers.join_all().await.concat().into_iter().filter(|it| *it == Appended::Stored).count();
        assert_eq!(stored, 40);
    }
}

/// Everything at once on few targets: each delivery ends once, and nothing that waits is hidden.
#[tokio::test(flavor = "multi_thread")]
async fn routers_and_workers_of_two_processes_lose_and_share_nothing() {
    const EVENTS: usize = 300;
    let schema = Schema::new();
    let stores = [Arc::new(schema.open().await), Arc::new(schema.open().await)];
    let ended = Arc::new(std::sync::Mutex::new(Vec::<DeliveryId>::new()));
    let mut tasks = JoinSet::new();
    for store in &stores {
        let router = Arc::clone(store);
        tasks.spawn(async move {
            for _ in 0..EVENTS / 10 {
                router.append(events(5)).await.unwrap();
                let unrouted = router.unrouted(20).await.unwrap().events;
                let targets = |seq: i64| vec![delivery("webhooks", ["a", "b", "c"][usize::try_from(seq % 3).unwrap()])];
                let plans = unrouted.iter().map(|it| RoutedEvent {
                    seq: it.seq,
                    deliveries: targets(it.seq.0),
                    cancellations: Vec::new(),
                });
                router.route(plans.collect(), at(0)).await.unwrap();
            }
        });
        for worker in 0..3 {
            let (store, ended) = (Arc::clone(store), Arc::clone(&ended));
            tasks.spawn(async move {
                loop {
                    if ended.lock().unwrap().len() >= EVENTS {
                        break;
                    }
                    let request = claim("webhooks").worker(&format!("worker-{worker}")).limit(4).build();
                    let claimed = store.claim(request).await.unwrap();
                    if claimed.is_empty() {
                        // Whoever came last to the outbox may have left something there.
                        let unrouted = store.unrouted(20).await.unwrap().events;
                        let plans = unrouted.iter().map(|it| RoutedEvent {
                            seq: it.seq,
                            deliveries: vec![delivery("webhooks", "a")],
                            cancellations: Vec::new(),
                        });
                        store.route(plans.collect(), at(0)).await.unwrap();
                        continue;
                    }
                    let settlements: Vec<_> = claimed.iter().map(|it| done(it, at(1))).collect();
                    let summary = store.settle(settlements).await.unwrap();
                    assert_eq!(summary.fenced, []);
                    ended.lock().unwrap().extend(claimed.iter().map(|it| it.delivery_id));
                }
            });
        }
    }
    let finished = tokio::time::timeout(std::time::Duration::from_secs(60), tasks.join_all()).await;
    let ended = ended.lock().unwrap();
    assert!(finished.is_ok(), "{} of {EVENTS} ended in a minute: something that waits is hidden", ended.len());
    assert_eq!((ended.len(), ended.iter().collect::<HashSet<_>>().len()), (EVENTS, EVENTS));
}

/// Lets statements that do `what` to `table` wait at a gate, which is shut while somebody holds an advisory lock.
async fn gate(place: &Place, what: &str, table: &str) {
    let gate = format!(
        "CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext('{schema}')); RETURN NULL; END $$;
         CREATE TRIGGER wait_at_the_gate BEFORE {what} ON {table}
         FOR EACH STATEMENT EXECUTE FUNCTION wait_at_the_gate();",
        schema = place.store.schema(),
    );
    place.connection().await.execute(sqlx::AssertSqlSafe(gate)).await.unwrap();
}

async fn set_gate(connection: &mut PgConnection, place: &Place, function: &str) {
    let set = sqlx::AssertSqlSafe(format!("SELECT {function}(hashtext('{}'))", place.store.schema()));
    connection.execute(set).await.unwrap();
}

async fn until_somebody_waits(connection: &mut PgConnection, place: &Place) {
    let waits = "SELECT EXISTS (
                     SELECT FROM pg_stat_activity
                     WHERE wait_event = 'advisory' AND query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()
                 )";
    loop {
        if sqlx::query_scalar(waits).bind(place.store.schema()).fetch_one(&mut *connection).await.unwrap() {
            return;
        }
    }
}

/// One more delivery to the target `a`.
async fn send(store: &PgStore) {
    store.append(events(1)).await.unwrap();
    let unrouted = store.unrouted(10).await.unwrap().events;
    let plans = unrouted.iter().map(|it| RoutedEvent {
        seq: it.seq,
        deliveries: vec![delivery("webhooks", "a")],
        cancellations: Vec::new(),
    });
    store.route(plans.collect(), at(0)).await.unwrap();
}

/// A claim that takes the last delivery it sees must not say that nothing waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_while_a_claim_is_under_way_is_not_hidden() {
    let place = Arc::new(Place::new().await);
    let mut connection = place.connection().await;
    send(&place.store).await;
    gate(&place, "UPDATE", "deliveries").await;
    set_gate(&mut connection, &place, "pg_advisory_lock").await;
    let claimer = Arc::clone(&place);
    let claiming = tokio::spawn(async move { claimer.store.claim(claim("webhooks").build()).await.unwrap() });
    until_somebody_waits(&mut connection, &place).await;
    send(&place.store).await;
    set_gate(&mut connection, &place, "pg_advisory_unlock").await;
    assert_eq!(claiming.await.unwrap().len(), 1);
    assert_eq!(place.store.claim(claim("webhooks").build()).await.unwrap().len(), 1, "the second one is found");
    assert_eq!(place.store.next_due(&"webhooks".into()).await.unwrap(), None);
}

/// Nor may a router that has made a delivery be overtaken by a claim that does not see it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_claimed_while_a_router_is_under_way_hides_nothing() {
    let place = Arc::new(Place::new().await);
    let mut connection = place.connection().await;
    send(&place.store).await;
    gate(&place, "INSERT", "target_states").await;
    set_gate(&mut connection, &place, "pg_advisory_lock").await;
    let router = Arc::clone(&place);
    let routing = tokio::spawn(async move { send(&router.store).await });
    until_somebody_waits(&mut connection, &place).await;
    let claimer = Arc::clone(&place);
    let claiming = tokio::spawn(async move { claimer.store.claim(claim("webhooks").build()).await.unwrap() });
    set_gate(&mut connection, &place, "pg_advisory_unlock").await;
    routing.await.unwrap();
    let first = claiming.await.unwrap().len();
    let second = place.store.claim(claim("webhooks").build()).await.unwrap().len();
    assert_eq!(first + second, 2);
}
