//! Webhook subscriptions in the file: what outlives the process, and changes by plain SQL.

use events_core::{
    EventStore,
    ports::{RoutesVersion, StoredRoutes, SubscriptionQuery, Updated, WebhookSubscriptions},
    testkit::{secret, subscription},
    webhooks::{Status, Subscription},
};
use events_sqlite::SqliteStore;

use crate::support::Place;

async fn made(store: &SqliteStore, subscription: Subscription) -> Subscription {
    let first = secret(subscription.subscription_id);
    assert!(store.create(subscription.clone(), first).await.unwrap());
    subscription
}

async fn version(store: &SqliteStore) -> RoutesVersion {
    store.unrouted(1).await.unwrap().routes
}

async fn run(place: &Place, statement: &'static str) {
    sqlx::query(statement).execute(&mut place.connection().await).await.unwrap();
}

#[tokio::test]
async fn subscriptions_secrets_and_the_version_are_there_when_the_file_is_opened_again() {
    let place = Place::new().await;
    let it = made(&place.store, subscription("org_1").events(&["user.*"]).build()).await;
    let paused = Subscription { status: Status::Paused, ..it };
    let Updated::Done(paused) = place.store.update(paused).await.unwrap() else { panic!("nobody else changes it") };
    let (secrets, before) = (place.store.secrets(paused.subscription_id).await.unwrap(), version(&place.store).await);
    place.store.close().await;
    let again = SqliteStore::open(place.file("events.db")).await.unwrap();
    let listed = again.list(SubscriptionQuery::default()).await.unwrap().items;
    assert_eq!((listed, version(&again).await), (vec![paused.clone()], before));
    assert_eq!(again.secrets(paused.subscription_id).await.unwrap(), secrets);
    assert_eq!(again.stored_routes().await.unwrap().1, [paused.route().unwrap()]);
}

#[tokio::test]
async fn a_change_by_plain_sql_makes_the_version_grow() {
    let place = Place::new().await;
    made(&place.store, subscription("org_1").build()).await;
    for (statement, grows) in [
        ("UPDATE webhook_subscriptions SET events = '[\"user.*\"]'", true),
        ("UPDATE webhook_subscriptions SET organization_id = 'org_2'", true),
        ("UPDATE webhook_subscriptions SET organization_id = 'org_2', events = '[\"user.*\"]'", false),
        ("UPDATE webhook_subscriptions SET failing_since = 7, notices = 1, url = 'https://b.example'", false),
        ("UPDATE webhook_subscriptions SET status = 'paused'", false),
        ("UPDATE webhook_subscriptions SET status = 'disabled', disabled_reason = 'x', disabled_at = 1", true),
        ("UPDATE webhook_subscriptions SET events = '[\"*\"]'", false),
        ("UPDATE webhook_subscriptions SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL", true),
        (
            "INSERT INTO webhook_subscriptions (subscription_id, url, events, verified_at, created_at, updated_at)
             VALUES (randomblob(16), 'https://a.example', '[\"*\"]', 1, 1, 1)",
            true,
        ),
        ("DELETE FROM webhook_subscriptions", true),
    ] {
        let before = version(&place.store).await;
        run(&place, statement).await;
        assert_eq!(version(&place.store).await > before, grows, "{statement}");
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM webhook_secrets")
        .fetch_one(&mut place.connection().await)
        .await
        .unwrap();
    assert_eq!(left, 0, "secrets go with their subscription, whoever deletes it");
}

/// Somebody's mistake in plain SQL must not cost others their events.
#[tokio::test]
async fn a_subscription_that_cannot_be_read_stops_no_other() {
    let place = Place::new().await;
    let good = made(&place.store, subscription("org_1").build()).await;
    run(
        &place,
        "INSERT INTO webhook_subscriptions (subscription_id, url, events, filter, verified_at, created_at, updated_at)
         VALUES (randomblob(16), 'https://a.example', '[\"*\"]', '{\"like\": 1}', 1, 1, 1)",
    )
    .await;
    assert_eq!(place.store.stored_routes().await.unwrap().1, [good.route().unwrap()]);
    let told = place.store.list(SubscriptionQuery::default()).await.unwrap_err().to_string();
    assert!(told.contains("webhook_subscriptions.filter of the row with number 2: filter.like"), "{told}");
}

#[tokio::test]
async fn the_version_cannot_be_lost() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    for statement in ["DELETE FROM routes_version", "INSERT INTO routes_version (version) VALUES (9)"] {
        sqlx::query(statement).execute(&mut connection).await.unwrap_err();
    }
    assert_eq!(version(&place.store).await, RoutesVersion(0));
}
