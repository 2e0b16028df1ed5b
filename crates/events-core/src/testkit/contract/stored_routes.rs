//! Routes that follow from subscriptions, and the version by which routers learn of a change.

use super::steps::works;
use crate::{
    ports::{RoutesVersion, Updated},
    routing::Route,
    testkit::{Fixture, SubscriptionBuilder, at, event, secret, subscription},
    webhooks::{Status, Subscription},
};

async fn made(fixture: &Fixture, subscription: SubscriptionBuilder) -> Subscription {
    let subscription = subscription.build();
    let secret = secret(subscription.subscription_id);
    assert!(works(fixture.subscriptions.create(subscription.clone(), secret).await));
    subscription
}

async fn changed(fixture: &Fixture, subscription: &mut Subscription, change: impl FnOnce(&mut Subscription)) {
    change(subscription);
    match works(fixture.subscriptions.update(subscription.clone()).await) {
        Updated::Done(now) => *subscription = now,
        other => panic!("nobody else changes it: {other:?}"),
    }
}

/// The version that a router sees.
async fn version(fixture: &Fixture) -> RoutesVersion {
    works(fixture.store.unrouted(10).await).routes
}

async fn routes(fixture: &Fixture) -> Vec<Route> {
    let (read, routes) = works(fixture.routes.stored_routes().await);
    assert_eq!(read, version(fixture).await, "nothing changes meanwhile");
    routes
}

fn disabled() -> Status {
    Status::Disabled { reason: "by hand".to_owned(), at: at(1) }
}

/// "All of them in the order in which they were made": of every subscription that gets deliveries.
pub async fn subscriptions_that_get_deliveries_have_routes(fixture: &Fixture) {
    assert_eq!(routes(fixture).await, []);
    let filter = r#"{"field": "payload.amount", "gte": 100}"#;
    let enabled = made(fixture, subscription("org_1").events(&["user.signup", "billing.*"]).filter(filter)).await;
    made(fixture, subscription("org_1").unverified()).await;
    made(fixture, subscription("org_1").status(disabled())).await;
    let paused = made(fixture, subscription("org_2").status(Status::Paused)).await;
    let everybodys = made(fixture, subscription("").of_everybody()).await;
    let expected = [&enabled, &paused, &everybodys].map(|it| it.route().expect("it gets deliveries"));
    assert_eq!(routes(fixture).await, expected);
    let route = &expected[0];
    assert_eq!(route.target.as_str(), enabled.subscription_id.to_string());
    assert_eq!((route.organization_id.as_deref(), route.filter.as_ref()), (Some("org_1"), enabled.filter.as_ref()));
}

/// "A change of the routes that follow from subscriptions makes the version grow."
pub async fn the_version_grows_with_every_change_of_the_routes(fixture: &Fixture) {
    let mut before = version(fixture).await;
    let mut grew = async |what: &str| {
        let now = version(fixture).await;
        assert!(now > before, "{what}: {before} to {now}");
        before = now;
    };
    let mut it = made(fixture, subscription("org_1")).await;
    grew("made").await;
    changed(fixture, &mut it, |it| it.events = vec!["user.*".parse().expect("a pattern")]).await;
    grew("patterns").await;
    let filtered = subscription("org_1").filter(r#"{"field": "actor", "eq": "a"}"#).build().filter;
    changed(fixture, &mut it, |it| it.filter = filtered).await;
    grew("filter").await;
    changed(fixture, &mut it, |it| it.filter = None).await;
    grew("no filter").await;
    changed(fixture, &mut it, |it| it.status = disabled()).await;
    grew("disabled").await;
    changed(fixture, &mut it, |it| it.status = Status::Enabled).await;
    grew("enabled").await;
    changed(fixture, &mut it, |it| it.verified_at = None).await;
    grew("not verified").await;
    changed(fixture, &mut it, |it| it.verified_at = Some(at(5))).await;
    grew("verified").await;
    assert!(works(fixture.subscriptions.delete(it.subscription_id, None).await));
    grew("deleted").await;
    assert_eq!(routes(fixture).await, []);
}

/// "Another change does not": routers build no table for what routes nothing.
pub async fn the_version_stays_when_no_route_changes(fixture: &Fixture) {
    let mut it = made(fixture, subscription("org_1")).await;
    let before = version(fixture).await;
    works(fixture.subscriptions.note_health(it.subscription_id, Some(at(3)), 1).await);
    works(fixture.subscriptions.add_secret(secret(it.subscription_id), at(60)).await);
    changed(fixture, &mut it, |it| it.url = "https://elsewhere.example".to_owned()).await;
    changed(fixture, &mut it, |it| it.status = Status::Paused).await;
    changed(fixture, &mut it, |it| it.verified_at = Some(at(6))).await;
    let stale = Subscription { events: vec![], revision: it.revision - 1, ..it.clone() };
    assert!(matches!(works(fixture.subscriptions.update(stale).await), Updated::Conflict(_)));
    assert_eq!(version(fixture).await, before);
    made(fixture, subscription("org_1").unverified()).await;
    let mut off = made(fixture, subscription("org_1").status(disabled())).await;
    changed(fixture, &mut off, |it| it.events = vec!["user.*".parse().expect("a pattern")]).await;
    assert!(works(fixture.subscriptions.delete(off.subscription_id, None).await));
    assert_eq!(version(fixture).await, before);
}

/// "The version of the stored routes as of the same moment": an event that was stored after a change comes with it, and
/// so does an empty answer.
pub async fn an_event_comes_with_the_version_of_the_routes_before_it(fixture: &Fixture) {
    let none = works(fixture.store.unrouted(0).await);
    made(fixture, subscription("org_1")).await;
    let stored = fixture.stored(event("user.signup")).await;
    let unrouted = works(fixture.store.unrouted(10).await);
    assert_eq!(unrouted.events, [stored]);
    assert!(unrouted.routes > none.routes);
    let looked = works(fixture.store.unrouted(0).await);
    assert_eq!((looked.events, looked.routes), (vec![], unrouted.routes));
}
