//! `/api/v1/webhooks/deliveries` and the jobs that make deliveries again.

use std::sync::{Arc, LazyLock};

use events_core::{
    Clock, Delivery, EventStore, Payload,
    delivery::TargetEffect,
    ports::{RoutedEvent, SystemClock, TargetStates, WebhookSubscriptions},
    testkit::{claim, dead, delivery, done, event, retry, secret, subscription},
    webhooks::{HANDLER, Status, Subscription},
};
use events_sqlite::SqliteStore;
use events_webhooks::sender::{AttemptDetail, Connection, Header, ResponseDetail, Times};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::server::{Server, answer, rows, text};

/// This many seconds after a moment an hour ago: what is older than the retention would go at the start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    static BEGINNING: LazyLock<Timestamp> = LazyLock::new(|| SystemClock.now() - SignedDuration::from_hours(1));
    *BEGINNING + SignedDuration::from_secs(seconds)
}

const DELIVERIES: &str = "/api/v1/webhooks/deliveries";

/// A subscription of this organization whose deliveries are held, so that nothing is sent while a test looks.
pub(crate) async fn held(store: &SqliteStore, organization: &str) -> Subscription {
    let it = subscription(organization).status(Status::Paused).build();
    assert!(store.create(it.clone(), secret(it.subscription_id)).await.unwrap());
    it
}

async fn rests(store: &SqliteStore, it: &Subscription) {
    let effect = TargetEffect::Disable("paused".to_owned());
    store.rest(&HANDLER.into(), &it.subscription_id.into(), effect, at(0)).await.unwrap();
}

/// Makes a delivery of an event that was recorded at this second.
pub(crate) async fn routed(store: &SqliteStore, it: &Subscription, event_type: &str, seconds: i64) {
    let organization = it.organization_id.as_deref().unwrap();
    let payload = json!({ "invoice_id": format!("inv_{seconds}") });
    let stored = event(event_type).organization(organization).payload(payload).created_at(at(seconds)).build();
    store.append(vec![stored]).await.unwrap();
    let seq = store.unrouted(1).await.unwrap().events[0].seq;
    let target = it.subscription_id.to_string();
    let deliveries = vec![delivery(HANDLER, &target)];
    let routed = RoutedEvent { seq, deliveries, cancellations: vec![] };
    store.route(vec![routed], at(seconds)).await.unwrap();
}

/// Makes and claims a delivery of an event that was recorded at this second.
async fn claimed(store: &SqliteStore, it: &Subscription, event_type: &str, seconds: i64) -> Delivery {
    routed(store, it, event_type, seconds).await;
    store.claim(claim(HANDLER).at(at(seconds)).limit(1).build()).await.unwrap().remove(0)
}

/// A server with a delivery in each state for `org_1`, oldest first: succeeded, dead, failed; and one for `org_2`.
pub(crate) async fn with_each_status() -> (Server, Subscription, Subscription) {
    let mut made = None;
    let server = Server::prepared(async |store: &SqliteStore| {
        let (mine, theirs) = (held(store, "org_1").await, held(store, "org_2").await);
        let first = claimed(store, &mine, "invoice.created", 1).await;
        store.settle(vec![done(&first, at(1))]).await.unwrap();
        let second = claimed(store, &mine, "invoice.paid", 2).await;
        store.settle(vec![dead(&second, "gone", at(2))]).await.unwrap();
        let third = claimed(store, &mine, "invoice.created", 3).await;
        store.settle(vec![retry(&third, at(90_000), at(3))]).await.unwrap();
        let other = claimed(store, &theirs, "invoice.created", 4).await;
        store.settle(vec![dead(&other, "gone", at(4))]).await.unwrap();
        rests(store, &mine).await;
        rests(store, &theirs).await;
        made = Some((mine, theirs));
    })
    .await;
    let (mine, theirs) = made.unwrap();
    (server, mine, theirs)
}

/// A server with a thousand past invoices of `org_1` and three payments after them, of which its subscription knows
/// nothing.
pub(crate) async fn with_a_long_past() -> (Server, Subscription) {
    let mut made = None;
    let server = Server::prepared(async |store: &SqliteStore| {
        let mine = held(store, "org_1").await;
        let past = |event_type| event(event_type).organization("org_1").created_at(at(1)).build();
        let invoices = (0..1_000).map(|_| past("invoice.created"));
        store.append(invoices.chain((0..3).map(|_| past("invoice.paid"))).collect()).await.unwrap();
        loop {
            let unrouted = store.unrouted(1_000).await.unwrap().events;
            if unrouted.is_empty() {
                break;
            }
            let to_nobody = |seq| RoutedEvent { seq, deliveries: vec![], cancellations: vec![] };
            store.route(unrouted.iter().map(|stored| to_nobody(stored.seq)).collect(), at(1)).await.unwrap();
        }
        rests(store, &mine).await;
        made = Some(mine);
    })
    .await;
    (server, made.unwrap())
}

/// R292, R313, R314.
#[tokio::test]
async fn r314_deliveries_are_listed_by_status_type_and_time() {
    let (server, mine, _) = with_each_status().await;
    let key = server.key(&["read"], Some("org_1")).await;
    let of_mine = format!("/api/v1/webhooks/subscriptions/{}/deliveries", mine.subscription_id);
    for (path, query, statuses) in [
        (DELIVERIES, "limit=100", &["failed", "dead", "succeeded"][..]),
        (&of_mine, "", &["failed", "dead", "succeeded"]),
        (DELIVERIES, "status=failed", &["failed"]),
        (DELIVERIES, "status=dead", &["dead"]),
        (&of_mine, "status=dead", &["dead"]),
        (DELIVERIES, "status=pending", &[]),
        (DELIVERIES, "event_type=invoice.created", &["failed", "succeeded"]),
        (DELIVERIES, "event_type=invoice.*&limit=1", &["failed"]),
        (&of_mine, &format!("since={}&until={}", at(2), at(3)), &["dead"]),
    ] {
        let found = server.get_as(&key, &format!("{path}?{query}")).await;
        assert_eq!(found.column("deliveries", "status"), statuses, "{query}: {}", found.text);
    }
    let everybodys = server.get(DELIVERIES).await;
    assert_eq!(rows(&everybodys.body, "deliveries").len(), 4);
}

/// R294: the delivery has the type of the event, and its payload.
#[tokio::test]
async fn r294_a_delivery_shows_its_event_and_its_tries() {
    let (server, mine, _) = with_each_status().await;
    let listed = server.get(&format!("{DELIVERIES}?status=succeeded")).await;
    let row = &rows(&listed.body, "deliveries")[0];
    assert_eq!((text(&row["event_type"]), text(&row["event_data"]["invoice_id"])), ("invoice.created", "inv_1"));
    assert_eq!(text(&row["subscription_id"]), mine.subscription_id.to_string());
    let dead = server.get(&format!("{DELIVERIES}?status=dead&organization_id=org_1")).await;
    let path = format!("{DELIVERIES}/{}", rows(&dead.body, "deliveries")[0]["delivery_id"]);
    let story = server.get(&path).await;
    let tries = rows(&story.body, "tries");
    assert_eq!((text(&story.body["status"]), text(&story.body["last_error"]), tries.len()), ("dead", "gone", 1));
    assert_eq!((text(&tries[0]["outcome"]), text(&tries[0]["error_class"])), ("dead", "http_4xx"));
}

/// R294: what a try recorded of itself is all shown.
#[tokio::test]
async fn r294_a_try_shows_what_was_sent_what_came_back_and_where_the_time_went() {
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let detail = AttemptDetail {
        request_headers: vec![header("webhook-id", "msg_1"), header("x-api-key", "***")],
        response: Some(ResponseDetail {
            status: 404,
            headers: vec![header("server", "receiver")],
            body: "unknown path".to_owned(),
            body_cut: false,
        }),
        times: Times {
            dns_ms: Some(1.5),
            connect_ms: Some(2.25),
            tls_ms: Some(3.125),
            first_byte_ms: Some(4.5),
            total_ms: 12.375,
        },
        connection: Some(Connection::New),
        remote_address: Some("192.0.2.1:443".to_owned()),
    };
    let server = Server::prepared(async |store: &SqliteStore| {
        let mine = held(store, "org_1").await;
        let mut settlement = dead(&claimed(store, &mine, "invoice.created", 1).await, "gone", at(1));
        settlement.report.detail = Some(Arc::new(Payload::from_value(&detail).unwrap()));
        store.settle(vec![settlement]).await.unwrap();
    })
    .await;
    let story = server.get(&format!("{DELIVERIES}/1")).await;
    let attempt = &rows(&story.body, "tries")[0];
    let headers = json!([{ "name": "webhook-id", "value": "msg_1" }, { "name": "x-api-key", "value": "***" }]);
    let times = json!({ "dns_ms": 1.5, "connect_ms": 2.25, "tls_ms": 3.125, "first_byte_ms": 4.5, "total_ms": 12.375 });
    let response = json!({
        "status": 404, "headers": [{ "name": "server", "value": "receiver" }], "body": "unknown path", "body_cut": false,
    });
    for (part, expected) in [
        ("request_headers", headers),
        ("response", response),
        ("times", times),
        ("connection", json!("new")),
        ("remote_address", json!("192.0.2.1:443")),
        ("outcome", json!("dead")),
        ("duration_ms", json!(12)),
    ] {
        assert_eq!(attempt[part], expected, "{part}: {}", story.text);
    }
}

#[tokio::test]
async fn pages_follow_each_other_while_deliveries_are_made() {
    let (server, mine, _) = with_each_status().await;
    let path = format!("/api/v1/webhooks/subscriptions/{}/deliveries?limit=1", mine.subscription_id);
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let after = if cursor.is_null() { String::new() } else { format!("&cursor={cursor}") };
        let page = server.get(&format!("{path}{after}")).await;
        seen.extend(page.column("deliveries", "status"));
        // One more, at the beginning of the list.
        let again = server.post(&format!("{DELIVERIES}/1/resend"), &json!({})).await;
        assert_eq!((again.status.as_u16(), text(&again.body["outcome"])), (202, "made_anew"), "{}", again.text);
        cursor = page.body["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(seen, ["failed", "dead", "succeeded"]);
}

#[tokio::test]
async fn what_belongs_to_another_organization_is_not_there() {
    let (server, mine, theirs) = with_each_status().await;
    let key = server.key(&["read", "manage"], Some("org_1")).await;
    let job =
        server.post(&format!("/api/v1/webhooks/subscriptions/{}/replay", theirs.subscription_id), &since(1)).await;
    assert_eq!(job.status, 202, "{}", job.text);
    let of_theirs = format!("/api/v1/webhooks/subscriptions/{}", theirs.subscription_id);
    let replay = format!("/api/v1/replays/{}", text(&job.body["replay_id"]));
    for path in [
        &format!("{of_theirs}/deliveries"),
        &format!("{DELIVERIES}?subscription_id={}", theirs.subscription_id),
        &format!("{DELIVERIES}/4"),
        &format!("{DELIVERIES}/77"),
        &format!("{DELIVERIES}/x"),
        &replay,
    ] {
        server.get_as(&key, path).await.refused(404, "not_found", &[]);
    }
    for path in [
        &format!("{DELIVERIES}/4/resend"),
        &format!("{of_theirs}/recover"),
        &format!("{of_theirs}/replay"),
        &format!("{replay}/cancel"),
    ] {
        server.post_as(&key, path, &since(1)).await.refused(404, "not_found", &[]);
    }
    let listed = server.get_as(&key, "/api/v1/replays").await;
    assert_eq!(rows(&listed.body, "replays"), [] as [Value; 0]);
    let reader = server.key(&["read"], Some("org_1")).await;
    let path = format!("/api/v1/webhooks/subscriptions/{}/recover", mine.subscription_id);
    server.post_as(&reader, &path, &since(1)).await.refused(403, "forbidden", &[]);
}

fn since(seconds: i64) -> Value {
    json!({ "since": at(seconds).to_string() })
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_name() {
    let (server, mine, _) = with_each_status().await;
    for (query, field) in [
        ("status=lost", "status"),
        ("since=yesterday", "since"),
        ("event_type=Invoice", "event_types"),
        ("limit=0", "limit"),
        ("webhook=1", "webhook"),
    ] {
        server.get(&format!("{DELIVERIES}?{query}")).await.refused(422, "invalid", &[field]);
    }
    let of_mine = format!("/api/v1/webhooks/subscriptions/{}", mine.subscription_id);
    for (call, body, field) in [
        ("recover", json!({}), "body"),
        ("recover", json!({ "since": "yesterday" }), "since"),
        ("recover", json!({ "since": at(1).to_string(), "until": "now" }), "until"),
        ("replay", json!({ "since": at(1).to_string(), "event_types": ["Invoice"] }), "event_types"),
        ("recover", json!({ "since": at(1).to_string(), "event_types": ["a.b"] }), "event_types"),
        ("replay", json!({ "since": at(2).to_string(), "until": at(1).to_string() }), "since"),
        ("replay", json!({ "since": at(1).to_string(), "rate": 0 }), "rate"),
        ("replay", json!({ "since": at(1).to_string(), "speed": 1 }), "body"),
    ] {
        server.post(&format!("{of_mine}/{call}"), &body).await.refused(422, "invalid", &[field]);
    }
}

#[tokio::test]
async fn failed_deliveries_are_recovered_by_a_job() {
    let (server, mine, _) = with_each_status().await;
    let path = format!("/api/v1/webhooks/subscriptions/{}/recover", mine.subscription_id);
    let preview = server.post(&path, &json!({ "since": at(0).to_string(), "dry_run": true })).await;
    assert_eq!((preview.status.as_u16(), preview.body), (200, json!({ "dry_run": true, "count": 1, "more": false })));
    let later = server.post(&path, &json!({ "since": at(3).to_string(), "dry_run": true })).await;
    assert_eq!(later.body["count"], 0, "it died before");
    let job = server.post(&path, &since(0)).await;
    assert_eq!((job.status.as_u16(), &job.body["total"], &job.body["made"]), (202, &json!(1), &json!(0)));
    let done = server.until(&replay_path(&job.body), |job| job["state"] == "done").await;
    assert_eq!((&done["made"], &done["progress"], text(&done["created_by"])), (&json!(1), &json!(1.0), "admin"));
    let dead = server.get(&format!("{DELIVERIES}?status=dead")).await;
    assert_eq!(dead.column("deliveries", "subscription_id").len(), 1, "theirs");
}

fn replay_path(job: &Value) -> String {
    format!("/api/v1/replays/{}", text(&job["replay_id"]))
}

#[tokio::test]
async fn past_events_are_replayed_by_a_job_that_can_be_cancelled() {
    let (server, mine, _) = with_each_status().await;
    let path = format!("/api/v1/webhooks/subscriptions/{}/replay", mine.subscription_id);
    let wanted = json!({ "since": at(0).to_string(), "event_types": ["invoice.created"] });
    let preview = server.post(&path, &json!({ "since": at(0).to_string(), "dry_run": true })).await;
    assert_eq!(preview.body["count"], 3, "{}", preview.text);
    let job = server.post(&path, &wanted).await;
    let done = server.until(&replay_path(&job.body), |job| job["state"] == "done").await;
    assert_eq!(done["made"], 2);
    let pending = server.get(&format!("{DELIVERIES}?status=pending")).await;
    assert_eq!(pending.column("deliveries", "event_type"), ["invoice.created", "invoice.created"]);
    let cancelled = answer(server.call(reqwest::Method::POST, &format!("{}/cancel", replay_path(&job.body)))).await;
    assert_eq!((cancelled.status.as_u16(), text(&cancelled.body["state"])), (200, "done"), "it stays as it is");
    let listed = server.get(&format!("/api/v1/replays?subscription_id={}&state=done", mine.subscription_id)).await;
    assert_eq!(rows(&listed.body, "replays").len(), 1);
}

/// Jobs make their steps in turn: once a later one is done, this one would have gone on.
#[tokio::test]
async fn a_job_that_runs_is_cancelled_and_makes_nothing_more() {
    let (server, mine) = with_a_long_past().await;
    let path = format!("/api/v1/webhooks/subscriptions/{}/replay", mine.subscription_id);
    let wanted = |event_type| json!({ "since": at(0).to_string(), "event_types": [event_type], "rate": 1 });
    let job = server.post(&path, &wanted("invoice.created")).await.body;
    assert_eq!((text(&job["state"]), &job["total"]), ("running", &json!(1_000)), "{job}");
    server.until(&replay_path(&job), |job| job["made"] != 0).await;
    let cancelled = server.post(&format!("{}/cancel", replay_path(&job)), &json!({})).await;
    assert_eq!((cancelled.status.as_u16(), text(&cancelled.body["state"])), (200, "cancelled"), "{}", cancelled.text);
    assert!(cancelled.body["ended_at"].is_string(), "{}", cancelled.text);
    assert_eq!(rows(&server.get("/api/v1/replays?state=running").await.body, "replays"), [] as [Value; 0]);

    let later = server.post(&path, &wanted("invoice.paid")).await.body;
    assert_eq!(server.until(&replay_path(&later), |job| job["state"] == "done").await["made"], 3);
    assert_eq!(server.get(&replay_path(&job)).await.body, cancelled.body, "it stays as it was");
    let sent = server.get(&format!("{DELIVERIES}?event_type=invoice.created&limit=1000")).await;
    assert_eq!(json!(rows(&sent.body, "deliveries").len()), cancelled.body["made"]);
}
