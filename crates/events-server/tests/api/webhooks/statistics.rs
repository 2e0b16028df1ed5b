//! `/api/v1/webhooks/stats` and its like: what was published and sent is in the figures at once.

use serde_json::{Value, json};

use super::{Endpoint, SUBSCRIPTIONS, invoice, path, server};
use crate::server::{Server, rows, text};

const STATS: &str = "/api/v1/webhooks/stats";

/// Publishes invoices of this organization, and waits until their deliveries have ended.
async fn publish(server: &Server, organization: &str, count: usize) {
    for number in 0..count {
        let event = server.publish(&invoice(&format!("inv_{number}"), organization)).await;
        server.settled(&event).await;
    }
}

/// A subscription of this organization that has no patience.
async fn subscribed(server: &Server, endpoint: &Endpoint, organization: &str) -> Value {
    let request = json!({ "url": endpoint.url(), "events": ["invoice.*"], "tenant_id": organization });
    server.subscribe(&request).await
}

#[tokio::test]
async fn r315_to_r319_are_answered_at_once() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = subscribed(&server, &endpoint, "org_1").await;
    publish(&server, "org_1", 3).await;
    for (stats, days) in [(server.get(STATS).await.body, 30), (server.get(&format!("{STATS}?days=1")).await.body, 1)] {
        assert_eq!((&stats["events_published"], &stats["complete"]), (&json!(3), &json!(true)), "{stats}");
        assert_eq!(
            (&stats["attempts"], &stats["succeeded"], &stats["failed_attempts"]),
            (&json!(3), &json!(3), &json!(0))
        );
        assert_eq!((&stats["success_rate"], &stats["retry_rate"]), (&json!(1.0), &json!(0.0)));
        assert!(stats["average_ms"].is_number() && stats["p95_ms"].is_number(), "{stats}");
        let expected = json!({ "total": 1, "failing": 0, "paused": 0, "disabled": 0, "unverified": 0 });
        assert_eq!(stats["subscriptions"], expected);
        let by_day = rows(&stats, "by_day");
        assert_eq!((by_day.len(), &by_day[0]["day"]), (days, &stats["since"]));
        let today = by_day.last().unwrap();
        assert_eq!((&today["events_published"], &today["succeeded"]), (&json!(3), &json!(3)));
    }
    let of_one = server.get(&format!("{}?days=2", path(&made, "stats"))).await.body;
    assert_eq!((&of_one["subscription_id"], &of_one["succeeded"]), (&made["subscription_id"], &json!(3)), "{of_one}");
    assert_eq!((text(&of_one["status"]), rows(&of_one, "by_day").len()), ("enabled", 2));
    assert_eq!(of_one.get("events_published"), None, "a subscription publishes nothing");
}

#[tokio::test]
async fn r312_the_list_has_figures() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let busy = subscribed(&server, &endpoint, "org_1").await;
    let idle = subscribed(&server, &endpoint, "org_2").await;
    publish(&server, "org_1", 2).await;
    let listed = server.get(SUBSCRIPTIONS).await.body;
    let [second, first] = rows(&listed, "subscriptions") else { panic!("there are two: {listed}") };
    assert_eq!(
        (&first["subscription_id"], &second["subscription_id"]),
        (&busy["subscription_id"], &idle["subscription_id"])
    );
    assert_eq!((&first["last_7_days"]["succeeded"], &first["last_7_days"]["success_rate"]), (&json!(2), &json!(1.0)));
    let nothing = json!({ "attempts": 0, "succeeded": 0, "failed_attempts": 0, "dead": 0 });
    assert_eq!(second["last_7_days"], nothing, "a rate of nothing is left out");
}

#[tokio::test]
async fn an_organization_sees_its_own_figures() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let theirs = subscribed(&server, &endpoint, "org_2").await;
    publish(&server, "org_2", 2).await;
    let key = server.key(&["read"], Some("org_1")).await;
    let stats = server.get_as(&key, STATS).await.body;
    assert_eq!(
        (&stats["events_published"], &stats["attempts"], &stats["subscriptions"]["total"]),
        (&json!(0), &json!(0), &json!(0))
    );
    server.get_as(&key, &path(&theirs, "stats")).await.refused(404, "not_found", &[]);
    server.get_as(&key, &format!("{STATS}?organization_id=org_2")).await.refused(
        403,
        "forbidden",
        &["organization_id"],
    );
    let asked = server.get(&format!("{STATS}?tenant_id=org_2")).await.body;
    assert_eq!((&asked["events_published"], &asked["succeeded"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_by_name() {
    let server = server().await;
    for days in ["0", "91", "-1", "a", "70000"] {
        server.get(&format!("{STATS}?days={days}")).await.refused(422, "invalid", &["days"]);
    }
    server.get(&format!("{STATS}?weeks=1")).await.refused(422, "invalid", &["weeks"]);
    server.get(&format!("{SUBSCRIPTIONS}/nothing/stats")).await.refused(404, "not_found", &[]);
    server.get_as(&server.key(&["publish"], None).await, STATS).await.refused(403, "forbidden", &[]);
}
