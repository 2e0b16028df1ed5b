//! `/api/v1/webhooks/stats` and its like: what was published and sent is in the figures at once.

use std::time::Duration;

use events_core::{
    EventStore,
    ports::WebhookSubscriptions,
    testkit::{claim, dead, done, retry, secret, subscription},
    webhooks::{HANDLER, Status, Subscription},
};
use events_sqlite::SqliteStore;
use serde_json::{Value, json};

use super::{Endpoint, SUBSCRIPTIONS, invoice, path, server};
use crate::{
    server::{Server, rows, text},
    webhook_deliveries::{at, held, routed},
};

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

/// What became of a try, and how many milliseconds it took.
enum Try {
    Done(u64),
    Retry(u64),
    Dead(u64),
}

/// Makes one delivery for each list of tries, all of them at the same time.
async fn tried(store: &SqliteStore, it: &Subscription, deliveries: &[&[Try]]) {
    for tries in deliveries {
        routed(store, it, "invoice.created", 0).await;
        for attempt in *tries {
            let claimed = store.claim(claim(HANDLER).at(at(0)).build()).await.unwrap().remove(0);
            let (mut settlement, milliseconds) = match attempt {
                Try::Done(took) => (done(&claimed, at(0)), took),
                Try::Retry(took) => (retry(&claimed, at(0), at(0)), took),
                Try::Dead(took) => (dead(&claimed, "gone", at(0)), took),
            };
            settlement.report.duration = Duration::from_millis(*milliseconds);
            store.settle(vec![settlement]).await.unwrap();
        }
    }
}

/// One delivery succeeded, one was tried again, one died: every figure that follows from these tries.
#[tokio::test]
async fn r315_to_r319_follow_from_what_became_of_the_tries() {
    let mut made = None;
    let server = Server::prepared(async |store: &SqliteStore| {
        let mine = subscription("org_1").build();
        let disabled = Status::Disabled { reason: "every delivery has failed for 5 days".to_owned(), at: at(0) };
        let disabled = subscription("org_1").status(disabled).build();
        let unverified = subscription("org_1").unverified().build();
        let theirs = subscription("org_2").build();
        for it in [&mine, &disabled, &unverified, &theirs] {
            assert!(store.create(it.clone(), secret(it.subscription_id)).await.unwrap());
        }
        held(store, "org_1").await;
        let failed = [Try::Retry(50), Try::Dead(400)];
        tried(store, &mine, &[&[Try::Done(10)], &[Try::Retry(200), Try::Done(30)], &failed]).await;
        tried(store, &theirs, &[&[Try::Done(7_000)]]).await;
        store.note_health(mine.subscription_id, Some(at(0)), 0).await.unwrap();
        made = Some(mine);
    })
    .await;
    let of_mine = format!("{SUBSCRIPTIONS}/{}/stats", made.unwrap().subscription_id);
    let of_mine = server.get(&of_mine).await.body;
    let of_all = server.get(&format!("{STATS}?organization_id=org_1")).await.body;
    for (stats, published) in [(&of_all, json!(3)), (&of_mine, Value::Null)] {
        let day = &at(0).to_string()[.."2026-11-25".len()];
        let (on_the_day, on_others): (Vec<_>, Vec<_>) = rows(stats, "by_day").iter().partition(|it| it["day"] == day);
        for figures in [stats, on_the_day[0]] {
            assert_eq!(figures["events_published"], published, "{figures}");
            for (figure, expected) in [
                ("attempts", json!(5)),
                ("succeeded", json!(2)),
                ("failed_attempts", json!(3)),
                ("dead", json!(1)),
                ("success_rate", json!(0.6667)), // two of the three that ended
                ("retry_rate", json!(0.4)),      // two of the five tries
                ("average_ms", json!(138.0)),
                ("p95_ms", json!(404.9)), // 400, to 10 %
            ] {
                assert_eq!(figures[figure], expected, "{figure}: {figures}");
            }
        }
        assert!(on_others.iter().all(|it| it["attempts"] == 0 && it["events_published"] != 3), "{stats}");
    }
    let expected = json!({ "total": 4, "failing": 1, "paused": 1, "disabled": 1, "unverified": 1 });
    assert_eq!(of_all["subscriptions"], expected);
    assert_eq!(text(&of_mine["failing_since"]), at(0).to_string());
    let all = server.get(STATS).await.body;
    assert_eq!(
        (&all["events_published"], &all["attempts"], &all["success_rate"]),
        (&json!(4), &json!(6), &json!(0.75))
    );
}

/// The same with an endpoint that really fails, and the times that its tries show.
#[tokio::test]
async fn calls_that_fail_are_in_the_figures() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = json!({ "url": endpoint.url(), "events": ["invoice.*"], "tenant_id": "org_1", "retry_seconds": [1] });
    let made = server.subscribe(&request).await;
    endpoint.now_says_in_turn(&[200, 500, 200, 404, 404]);
    publish(&server, "org_1", 3).await;
    let mut took = Vec::new();
    for id in server.get("/api/v1/webhooks/deliveries").await.column("deliveries", "delivery_id") {
        let story = server.get(&format!("/api/v1/webhooks/deliveries/{id}")).await;
        took.extend(rows(&story.body, "tries").iter().map(|it| it["duration_ms"].as_f64().unwrap()));
    }
    let stats = server.get(STATS).await.body;
    for (figure, expected) in [
        ("events_published", json!(3)),
        ("attempts", json!(took.len())),
        ("succeeded", json!(2)),
        ("failed_attempts", json!(3)),
        ("dead", json!(1)),
        ("success_rate", json!(0.6667)),
        ("retry_rate", json!(0.4)),
    ] {
        assert_eq!(stats[figure], expected, "{figure}: {stats}");
    }
    let [average, p95] = ["average_ms", "p95_ms"].map(|figure| stats[figure].as_f64().unwrap());
    assert!((average - took.iter().sum::<f64>() / 5.0).abs() < 0.1, "{average} of {took:?}");
    let longest = took.iter().copied().fold(0.0, f64::max);
    assert!((p95 - longest).abs() <= longest * 0.1, "{p95} of {took:?}");
    assert_eq!(stats["subscriptions"]["failing"], 1, "{stats}");
    let of_one = server.get(&path(&made, "stats")).await.body;
    assert!(of_one["failing_since"].is_string(), "{of_one}");
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
