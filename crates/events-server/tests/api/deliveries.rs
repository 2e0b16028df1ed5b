//! `GET /api/v1/deliveries` and the attempts at one.

use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Says},
    server::{Server, rows, signup, text},
};

const DELIVERIES: &str = "/api/v1/deliveries";

/// A delivery to a refusing Slack for each of two organizations, the first one's first.
async fn two_deliveries() -> (Receiver, Server, Vec<Value>) {
    let slack = Receiver::start(Says::Refused).await;
    let server = Server::with_slack(&slack).await;
    let mut events = Vec::new();
    for organization in ["org_1", "org_2"] {
        let event = server.publish(&signup("alice", Some(organization))).await;
        events.push(server.settled(&event).await);
    }
    (slack, server, events)
}

#[tokio::test]
async fn deliveries_are_found_by_event_handler_target_and_state() {
    let (_slack, server, events) = two_deliveries().await;
    let of_first = format!("event_id={}", text(&events[0]["event_id"]));
    let target = text(&rows(&events[0], "deliveries")[0]["target"]).replace('#', "%23");
    for (query, count) in [
        ("", 2),
        (of_first.as_str(), 1),
        ("handler=slack", 2),
        ("handler=email", 0),
        (&format!("target={target}"), 2),
        ("state=dead", 2),
        ("status=dead", 2),
        ("state=succeeded", 0),
        ("organization_id=org_2&state=dead&handler=slack", 1),
        ("limit=1", 1),
        ("offset=1", 1),
    ] {
        let found = server.get(&format!("{DELIVERIES}?{query}")).await;
        assert_eq!(rows(&found.body, "deliveries").len(), count, "{query}: {}", found.text);
    }
    server.get(&format!("{DELIVERIES}?state=lost")).await.refused(422, "invalid", &["state"]);
    server.get(&format!("{DELIVERIES}?event_id=7")).await.refused(422, "invalid", &["event_id"]);
    server.get(&format!("{DELIVERIES}?webhook=7")).await.refused(422, "invalid", &["webhook"]);
}

#[tokio::test]
async fn pages_lead_on_from_the_newest() {
    let (_slack, server, events) = two_deliveries().await;
    let first = server.get(&format!("{DELIVERIES}?limit=1")).await;
    assert_eq!(first.column("deliveries", "event_id"), [events[1]["event_id"].clone()]);
    let second = server.get(&format!("{DELIVERIES}?limit=1&cursor={}", first.body["next"])).await;
    assert_eq!(second.column("deliveries", "event_id"), [events[0]["event_id"].clone()]);
    assert_eq!(second.body["next"], Value::Null);
}

#[tokio::test]
async fn attempts_are_listed_for_those_who_may_see_the_delivery() {
    let (_slack, server, events) = two_deliveries().await;
    let id = &rows(&events[0], "deliveries")[0]["delivery_id"];
    let path = format!("{DELIVERIES}/{id}/attempts");
    let attempts = server.get(&path).await;
    assert_eq!(attempts.column("attempts", "number"), [json!(1)]);
    let (own, other) = (server.key(&["read"], Some("org_1")).await, server.key(&["read"], Some("org_2")).await);
    assert_eq!(server.get_as(&own, &path).await.body, attempts.body);
    server.get_as(&other, &path).await.refused(404, "not_found", &[]);
    assert_eq!(rows(&server.get_as(&other, DELIVERIES).await.body, "deliveries").len(), 1);
    for id in ["0", "-1", "x", "9223372036854775807", "99999999999999999999"] {
        server.get(&format!("{DELIVERIES}/{id}/attempts")).await.refused(404, "not_found", &[]);
    }
}
