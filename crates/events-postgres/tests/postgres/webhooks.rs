//! Webhook subscriptions among many: every process sees a change with the first event after it.

use std::sync::Arc;

use events_core::{
    Catalog, EventStore,
    ports::{RoutedEvent, RoutesVersion, StoredRoutes, SubscriptionQuery, Updated, WebhookSubscriptions},
    routing::{RoutingTable, plan},
    testkit::{at, event, secret, subscription},
    webhooks::{Status, Subscription, WebhookSecret},
};
use events_postgres::PgStore;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{Place, Schema};

async fn made(store: &PgStore, subscription: Subscription) -> Subscription {
    let first = secret(subscription.subscription_id);
    assert!(store.create(subscription.clone(), first).await.unwrap());
    subscription
}

async fn version(store: &PgStore) -> RoutesVersion {
    store.unrouted(1).await.unwrap().routes
}

/// What a router of a process does, with the table it has built last.
struct Process {
    store: Arc<PgStore>,
    built: (RoutesVersion, RoutingTable),
}

impl Process {
    fn new(store: Arc<PgStore>) -> Self {
        let nothing = RoutingTable::new(Arc::new(Catalog::embedded()), Vec::new());
        Self { store, built: (RoutesVersion(-1), nothing) }
    }

    /// Routes what waits; answers the targets that learn of it.
    async fn route(&mut self) -> Vec<String> {
        let unrouted = self.store.unrouted(100).await.unwrap();
        if unrouted.routes != self.built.0 {
            let (version, routes) = self.store.stored_routes().await.unwrap();
            self.built = (version, RoutingTable::new(Arc::new(Catalog::embedded()), routes));
        }
        let plans: Vec<_> =
            unrouted.events.iter().map(|it| plan(&self.built.1, &it.event, at(0)).into_routed(it.seq)).collect();
        let targets = plans.iter().flat_map(|it| &it.deliveries).map(|it| it.target.to_string()).collect();
        self.store.route(plans, at(0)).await.unwrap();
        targets
    }
}

/// One process makes and mends subscriptions, another publishes, a third routes.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_meets_every_change_that_was_answered_before_it_was_published() {
    let schema = Schema::new();
    let [changing, publishing, routing] = [schema.open().await, schema.open().await, schema.open().await].map(Arc::new);
    let mut router = Process::new(routing);
    let publish = async || {
        publishing.append(vec![event("user.signup").organization("org_1").build()]).await.unwrap();
    };
    for _ in 0..10 {
        let it = made(&changing, subscription("org_1").build()).await;
        publish().await;
        assert_eq!(router.route().await, [it.subscription_id.to_string()]);
        let off = Status::Disabled { reason: "by hand".to_owned(), at: at(1) };
        let off = Subscription { status: off, ..it };
        let Updated::Done(off) = changing.update(off).await.unwrap() else { panic!("nobody else changes it") };
        publish().await;
        assert_eq!(router.route().await, [] as [String; 0]);
        assert!(changing.delete(off.subscription_id, None).await.unwrap());
    }
}

/// A change that is not committed yet shows neither itself nor its version, and both at the same moment.
#[tokio::test]
async fn a_change_and_its_version_are_seen_together() {
    let place = Place::new().await;
    made(&place.store, subscription("org_1").build()).await;
    let before = version(&place.store).await;
    let mut connection = place.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    transaction.execute("UPDATE webhook_subscriptions SET events = '[\"user.*\"]'").await.unwrap();
    assert_eq!(version(&place.store).await, before);
    transaction.commit().await.unwrap();
    let (after, routes) = place.store.stored_routes().await.unwrap();
    assert!(after > before && after == version(&place.store).await);
    assert_eq!(routes[0].events[0].to_string(), "user.*");
}

#[tokio::test]
async fn a_change_by_plain_sql_makes_the_version_grow() {
    let place = Place::new().await;
    made(&place.store, subscription("org_1").build()).await;
    let mut connection = place.connection().await;
    for (statement, grows) in [
        ("UPDATE webhook_subscriptions SET events = '[\"user.*\"]'", true),
        ("UPDATE webhook_subscriptions SET organization_id = 'org_2'", true),
        ("UPDATE webhook_subscriptions SET organization_id = 'org_2', events = '[\"user.*\"]'", false),
        ("UPDATE webhook_subscriptions SET failing_since = now(), notices = 1, url = 'https://b.example'", false),
        ("UPDATE webhook_subscriptions SET status = 'paused'", false),
        ("UPDATE webhook_subscriptions SET status = 'disabled', disabled_reason = 'x', disabled_at = now()", true),
        ("UPDATE webhook_subscriptions SET events = '[\"*\"]'", false),
        ("UPDATE webhook_subscriptions SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL", true),
        (
            "INSERT INTO webhook_subscriptions (subscription_id, url, events, verified_at, created_at, updated_at)
             SELECT gen_random_uuid(), 'https://a.example', '[\"*\"]', now(), now(), now() FROM generate_series(1, 9)",
            true,
        ),
        ("DELETE FROM webhook_subscriptions WHERE number = 1", true),
        ("TRUNCATE webhook_subscriptions CASCADE", true),
    ] {
        let before = version(&place.store).await;
        connection.execute(statement).await.unwrap();
        let grown = version(&place.store).await.0 - before.0;
        assert_eq!(grown, i64::from(grows), "{statement}: once for a transaction");
    }
    for statement in ["DELETE FROM routes_version", "TRUNCATE routes_version", "INSERT INTO routes_version VALUES (9)"]
    {
        connection.execute(statement).await.unwrap_err();
    }
}

/// Somebody's mistake in plain SQL must not cost others their events.
#[tokio::test]
async fn a_subscription_that_cannot_be_read_stops_no_other() {
    let place = Place::new().await;
    let good = made(&place.store, subscription("org_1").build()).await;
    let bad = "INSERT INTO webhook_subscriptions
                   (subscription_id, url, events, filter, verified_at, created_at, updated_at)
               VALUES (gen_random_uuid(), 'https://a.example', '[\"*\"]', '{\"like\": 1}', now(), now(), now())";
    place.connection().await.execute(bad).await.unwrap();
    assert_eq!(place.store.stored_routes().await.unwrap().1, [good.route().unwrap()]);
    let told = place.store.list(SubscriptionQuery::default()).await.unwrap_err().to_string();
    assert!(told.contains("webhook_subscriptions.filter of the row with number 2: filter.like"), "{told}");
}

#[tokio::test]
async fn subscriptions_and_secrets_are_there_when_it_is_opened_again() {
    let place = Place::new().await;
    let it = made(&place.store, subscription("org_1").build()).await;
    let (secrets, before) = (place.store.secrets(it.subscription_id).await.unwrap(), version(&place.store).await);
    place.store.close().await;
    let again = place.schema.open().await;
    assert_eq!(again.list(SubscriptionQuery::default()).await.unwrap().items[0], it);
    assert_eq!(again.secrets(it.subscription_id).await.unwrap(), secrets);
    assert_eq!(version(&again).await, before);
}

/// Of rotations at the same time in several processes, one leaves the secret that has no end.
#[tokio::test(flavor = "multi_thread")]
async fn rotations_at_the_same_time_leave_one_current_secret() {
    let schema = Schema::new();
    let stores = [Arc::new(schema.open().await), Arc::new(schema.open().await)];
    let it = made(&stores[0], subscription("org_1").build()).await;
    let start = Arc::new(Barrier::new(4));
    let mut rotating = JoinSet::new();
    for rotation in 0..4 {
        let (store, start) = (Arc::clone(&stores[rotation % 2]), Arc::clone(&start));
        let next = WebhookSecret { created_at: at(1), ..secret(it.subscription_id) };
        rotating.spawn(async move {
            start.wait().await;
            assert!(store.add_secret(next, at(3_600)).await.unwrap());
        });
    }
    rotating.join_all().await;
    let secrets = stores[0].secrets(it.subscription_id).await.unwrap();
    assert_eq!(secrets.len(), 5);
    assert_eq!(secrets.iter().filter(|secret| secret.expires_at.is_none()).count(), 1);
}

/// Ten thousand subscriptions change nothing about how what waits is found.
#[tokio::test]
async fn unrouted_events_are_looked_up_one_by_one() {
    let place = Place::new().await;
    let text = include_str!("../../src/queries/unrouted.sql").replace("$1", "500");
    let explain = AssertSqlSafe(format!("EXPLAIN {text}"));
    let rows = sqlx::query_scalar::<_, String>(explain).fetch_all(&mut place.connection().await).await.unwrap();
    let told = rows.join("\n");
    assert!(told.contains("outbox_pkey") && !told.contains("Hash"), "{told}");
}

/// Events and version are one look: a subscription and an event that are committed together are seen together, so an
/// event never comes with a version of before its subscription.
#[tokio::test(flavor = "multi_thread")]
async fn events_and_version_are_of_one_moment() {
    const PAIRS: usize = 200;
    let place = Place::new().await;
    let mut connection = place.connection().await;
    let mut writing = JoinSet::new();
    writing.spawn(async move {
        for _ in 0..PAIRS {
            let pair = "BEGIN;
                INSERT INTO webhook_subscriptions (subscription_id, url, events, verified_at, created_at, updated_at)
                VALUES (gen_random_uuid(), 'https://a.example', '[\"*\"]', now(), now(), now());
                INSERT INTO events (event_type, payload) VALUES ('user.signup', '{}');
                COMMIT;";
            connection.execute(pair).await.unwrap();
        }
    });
    let mut routed = 0;
    while routed < PAIRS {
        let unrouted = place.store.unrouted(PAIRS).await.unwrap();
        writing.try_join_next().map_or(Ok(()), |written| written).unwrap();
        routed += unrouted.events.len();
        assert_eq!(unrouted.routes, RoutesVersion(i64::try_from(routed).unwrap()), "one change for each event");
        let plans = unrouted.events.iter().map(|it| RoutedEvent {
            seq: it.seq,
            deliveries: Vec::new(),
            cancellations: Vec::new(),
        });
        place.store.route(plans.collect(), at(0)).await.unwrap();
    }
    writing.join_all().await;
}
