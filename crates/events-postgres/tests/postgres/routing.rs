//! Routing: what goes to lanes that wait in the statement that routes, and what is left for a claim.

use events_core::{
    EventStore, StoredEvent,
    delivery::DeliveryId,
    ports::{NewDelivery, RouteSummary, RoutedEvent},
    testkit::{at, claim, delivery},
};
use sqlx::Connection;

use crate::support::{Place, events};

fn plan(stored: &StoredEvent, deliveries: Vec<NewDelivery>) -> RoutedEvent {
    RoutedEvent { seq: stored.seq, deliveries, cancellations: Vec::new() }
}

async fn unrouted(place: &Place, count: usize) -> Vec<StoredEvent> {
    place.store.append(events(count)).await.unwrap();
    place.store.unrouted(count).await.unwrap().events
}

/// The claims whose leases are looked after, by how many deliveries each has.
async fn claims(place: &Place) -> Vec<i32> {
    sqlx::query_scalar("SELECT cardinality(deliveries) FROM claims ORDER BY look_at")
        .fetch_all(&mut place.connection().await)
        .await
        .unwrap()
}

/// Whoever routes leases to lanes that wait: no claim follows, and no target is written to.
#[tokio::test]
async fn routing_leases_to_whoever_waits() {
    let place = Place::new().await;
    let deliveries = |at: usize| vec![delivery("email", "x"), delivery("webhooks", ["a", "b", "c"][at % 3])];
    let plans = unrouted(&place, 600).await.iter().enumerate().map(|(at, it)| plan(it, deliveries(at))).collect();
    let offer = claim("webhooks").limit(450).allowing("c", 100).lease(30).worker("me").build();
    let routed = place.store.route_and_claim(plans, vec![offer], at(0)).await.unwrap();
    let mut of_target = [0; 3];
    routed.leased.iter().for_each(|leased| of_target[leased.place / 2 % 3] += 1);
    assert_eq!(of_target, [175, 175, 100], "as even as may be");
    assert_eq!(claims(&place).await, [200, 200, 50], "their leases are looked after");
    let mut connection = place.connection().await;
    let workers: Vec<(Option<String>, i64)> =
        sqlx::query_as("SELECT worker, count(*) FROM deliveries WHERE handler = 'webhooks' GROUP BY 1 ORDER BY 1")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(workers, [(Some("me".to_owned()), 450), (None, 150)]);
    assert_eq!(place.store.claim(claim("webhooks").limit(1_000).build()).await.unwrap().len(), 150);
    assert_eq!(place.store.release_expired(at(31), 1_000).await.unwrap(), 600, "both kinds are found");
}

/// A few that all go at once have a statement of their own; their leases are looked after each in its time.
#[tokio::test]
async fn few_go_at_once_to_whoever_waits() {
    let place = Place::new().await;
    let deliveries = || vec![delivery("email", "x"), delivery("webhooks", "a"), delivery("webhooks", "a")];
    let plans = unrouted(&place, 2).await.iter().map(|it| plan(it, deliveries())).collect();
    let offers = vec![claim("email").lease(60).build(), claim("webhooks").lease(30).build()];
    let routed = place.store.route_and_claim(plans, offers, at(0)).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 2, deliveries: 6, cancelled: 0 });
    assert_eq!(routed.leased.iter().map(|it| it.place).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let ids: Vec<DeliveryId> = routed.leased.iter().map(|it| it.delivery_id).collect();
    assert!(ids.is_sorted(), "numbered in the order of the log: {ids:?}");
    assert_eq!(claims(&place).await, [6]);
    for (seconds, expected) in [(30, 0), (31, 4), (60, 0), (61, 2)] {
        assert_eq!(place.store.release_expired(at(seconds), 1_000).await.unwrap(), expected, "after {seconds} s");
    }
    assert_eq!(claims(&place).await, [0; 0]);
}

/// One that has to wait: nothing of it is lost, and the others go at once all the same.
#[tokio::test]
async fn what_has_to_wait_does_not_hold_up_the_others() {
    let place = Place::new().await;
    let first = unrouted(&place, 1).await;
    place.store.route(vec![plan(&first[0], vec![delivery("webhooks", "busy")])], at(0)).await.unwrap();
    let second = unrouted(&place, 1).await;
    let plans = vec![plan(&second[0], vec![delivery("webhooks", "busy"), delivery("webhooks", "a")])];
    let routed = place.store.route_and_claim(plans, vec![claim("webhooks").build()], at(0)).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 1, deliveries: 2, cancelled: 0 });
    assert_eq!(routed.leased.iter().map(|it| it.place).collect::<Vec<_>>(), [1]);
    let rest = place.store.claim(claim("webhooks").build()).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.seq).collect::<Vec<_>>(), [first[0].seq, second[0].seq], "both of busy");
}

/// An event without deliveries is off the list like any other.
#[tokio::test]
async fn an_event_that_concerns_nobody_is_routed_with_the_others() {
    let place = Place::new().await;
    let stored = unrouted(&place, 2).await;
    let plans = vec![plan(&stored[0], Vec::new()), plan(&stored[1], vec![delivery("webhooks", "a")])];
    let routed = place.store.route_and_claim(plans, vec![claim("webhooks").build()], at(0)).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 2, deliveries: 1, cancelled: 0 });
    assert_eq!(place.store.unrouted(10).await.unwrap().events, []);
}

/// Nobody waits for anybody: an event that another router takes at this moment is left to it, the others go at once.
#[tokio::test]
async fn what_another_router_takes_at_this_moment_is_left_to_it() {
    let place = Place::new().await;
    let stored = unrouted(&place, 2).await;
    let plans: Vec<_> = stored.iter().map(|it| plan(it, vec![delivery("webhooks", "a")])).collect();
    let route = |plans| place.store.route_and_claim(plans, vec![claim("webhooks").build()], at(0));
    let mut connection = place.connection().await;
    let mut other = connection.begin().await.unwrap();
    sqlx::query("DELETE FROM outbox WHERE seq = $1").bind(stored[0].seq.0).execute(&mut *other).await.unwrap();
    let routed = route(plans.clone()).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 1, deliveries: 1, cancelled: 0 });
    assert_eq!(routed.leased.iter().map(|it| it.place).collect::<Vec<_>>(), [1]);
    assert_eq!(route(plans.clone()).await.unwrap(), Default::default(), "both are taken");
    other.rollback().await.unwrap();
    let routed = route(plans).await.unwrap();
    assert_eq!(routed.leased.iter().map(|it| it.place).collect::<Vec<_>>(), [0]);
}
