//! Routing: what goes to lanes that wait in the commit that routes, and what is left for a claim.

use events_core::{
    EventStore, StoredEvent,
    ports::{NewDelivery, RouteSummary, RoutedEvent},
    testkit::{at, claim, delivery},
};

use crate::support::{Place, events};

fn plan(stored: &StoredEvent, deliveries: Vec<NewDelivery>) -> RoutedEvent {
    RoutedEvent { seq: stored.seq, deliveries, cancellations: Vec::new() }
}

async fn unrouted(place: &Place, count: usize) -> Vec<StoredEvent> {
    place.store.append(events(count)).await.unwrap();
    place.store.unrouted(count).await.unwrap().events
}

/// Whoever routes leases to lanes that wait, of several handlers at once, and no claim follows.
#[tokio::test]
async fn routing_leases_to_whoever_waits() {
    let place = Place::new().await;
    let deliveries = |at: usize| vec![delivery("email", "x"), delivery("webhooks", ["a", "b", "c"][at % 3])];
    let plans = unrouted(&place, 16).await.iter().enumerate().map(|(at, it)| plan(it, deliveries(at))).collect();
    let offers = vec![
        claim("email").lease(60).worker("postman").build(),
        claim("webhooks").limit(10).allowing("c", 2).lease(30).worker("me").build(),
    ];
    let routed = place.store.route_and_claim(plans, offers, at(0)).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 16, deliveries: 32, cancelled: 0 });
    let mut of_target = [0; 3];
    let webhooks = routed.leased.iter().filter(|leased| leased.place % 2 == 1);
    webhooks.for_each(|leased| of_target[leased.place / 2 % 3] += 1);
    assert_eq!((routed.leased.len(), of_target), (26, [4, 4, 2]), "as even as may be");
    let workers: Vec<(String, Option<String>, i64)> =
        sqlx::query_as("SELECT handler, worker, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2")
            .fetch_all(&mut place.connection().await)
            .await
            .unwrap();
    let worker = |handler: &str, worker: Option<&str>, count| (handler.to_owned(), worker.map(str::to_owned), count);
    let expected = [("email", Some("postman"), 16), ("webhooks", None, 6), ("webhooks", Some("me"), 10)];
    assert_eq!(workers, expected.map(|(handler, who, count)| worker(handler, who, count)));
    assert_eq!(place.store.claim(claim("webhooks").build()).await.unwrap().len(), 6, "what nobody was offered");
    assert_eq!(place.store.release_expired(at(31), 1_000).await.unwrap(), 16);
    assert_eq!(place.store.release_expired(at(61), 1_000).await.unwrap(), 16);
}

/// What has to wait is not leased, and does not hold up the others of its batch.
#[tokio::test]
async fn what_has_to_wait_does_not_hold_up_the_others() {
    let place = Place::new().await;
    let first = unrouted(&place, 1).await;
    place.store.route(vec![plan(&first[0], vec![delivery("webhooks", "busy")])], at(0)).await.unwrap();
    let second = unrouted(&place, 1).await;
    let plans = vec![plan(&second[0], vec![delivery("webhooks", "busy"), delivery("webhooks", "a")])];
    let routed = place.store.route_and_claim(plans, vec![claim("webhooks").build()], at(0)).await.unwrap();
    assert_eq!(routed.leased.iter().map(|it| it.place).collect::<Vec<_>>(), [1]);
    let rest = place.store.claim(claim("webhooks").build()).await.unwrap();
    assert_eq!(rest.iter().map(|it| it.seq).collect::<Vec<_>>(), [first[0].seq, second[0].seq], "both of busy");
}

/// What was routed before makes nothing, and what comes with it keeps its place.
#[tokio::test]
async fn what_was_routed_before_is_passed_over() {
    let place = Place::new().await;
    let stored = unrouted(&place, 3).await;
    let plans: Vec<_> = stored.iter().map(|it| plan(it, vec![delivery("webhooks", "a")])).collect();
    place.store.route(vec![plans[1].clone()], at(0)).await.unwrap();
    place.store.claim(claim("webhooks").build()).await.unwrap();
    let twice = [plans.clone(), plans.clone()].concat();
    let routed = place.store.route_and_claim(twice.clone(), vec![claim("webhooks").build()], at(0)).await.unwrap();
    assert_eq!(routed.summary, RouteSummary { events: 2, deliveries: 2, cancelled: 0 });
    let leased: Vec<_> = routed.leased.iter().map(|it| (it.place, it.delivery_id.0)).collect();
    assert_eq!(leased, [(0, 2), (2, 3)]);
    let made: Vec<(i64, i64)> = sqlx::query_as("SELECT delivery_id, seq FROM deliveries ORDER BY delivery_id")
        .fetch_all(&mut place.connection().await)
        .await
        .unwrap();
    assert_eq!(made, [(1, stored[1].seq.0), (2, stored[0].seq.0), (3, stored[2].seq.0)]);
    assert_eq!(
        place.store.route_and_claim(twice, vec![claim("webhooks").build()], at(0)).await.unwrap(),
        Default::default()
    );
}
