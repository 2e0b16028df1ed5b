//! `GET /api/v1/events/{id}`: who learned of an event, how, and why others did not.

use serde_json::json;

use crate::{
    receiver::{Receiver, Says},
    server::{Server, rows, signup, text},
};

#[tokio::test]
async fn an_event_tells_its_deliveries_attempts_and_why_not() {
    let slack = Receiver::start(Says::Ok).await;
    let server = Server::with_slack(&slack).await;
    let event = server.settled(&server.publish(&signup("alice", None)).await).await;
    let [delivery] = rows(&event, "deliveries") else { panic!("{event}") };
    assert_eq!((&delivery["handler"], &delivery["state"]), (&json!("slack"), &json!("succeeded")));
    assert_eq!((&delivery["event_id"], &delivery["attempts"]), (&event["event_id"], &json!(1)));
    let [attempt] = rows(delivery, "tries") else { panic!("{event}") };
    assert_eq!(
        (&attempt["outcome"], &attempt["status"], &attempt["final"]),
        (&json!("done"), &json!(200), &json!(true))
    );
    assert!(rows(&event, "why_not").iter().all(|route| route["reason"] == "other_type"));
    assert!(!rows(&event, "why_not").is_empty());
    assert_eq!((&event["processed"], &event["retry_count"]), (&json!(true), &json!(0)));
}

#[tokio::test]
async fn a_failure_shows_its_class_and_answer() {
    let slack = Receiver::start(Says::Refused).await;
    let server = Server::with_slack(&slack).await;
    let event = server.settled(&server.publish(&signup("alice", None)).await).await;
    let delivery = &rows(&event, "deliveries")[0];
    assert_eq!(delivery["state"], "dead");
    let attempt = &rows(delivery, "tries")[0];
    assert_eq!((&attempt["outcome"], &attempt["error_class"]), (&json!("dead"), &json!("message_refused")));
    assert!(text(&event["last_error"]).contains("invalid_payload"), "{event}");
}

#[tokio::test]
async fn an_event_nobody_is_interested_in_is_processed_without_deliveries() {
    let server = Server::start().await;
    let event = server.settled(&server.publish(&json!({ "event_type": "a.b", "payload": {} })).await).await;
    assert!(rows(&event, "deliveries").is_empty());
}

#[tokio::test]
async fn what_is_not_there_and_what_is_anothers_look_the_same() {
    let server = Server::start().await;
    let event = server.publish(&signup("alice", Some("org_1"))).await;
    let path = format!("/api/v1/events/{}", text(&event["event_id"]));
    let (own, other) = (server.key(&["read"], Some("org_1")).await, server.key(&["read"], Some("org_2")).await);
    assert_eq!(server.get_as(&own, &path).await.status, 200);
    server.get_as(&other, &path).await.refused(404, "not_found", &[]);
    for id in ["00000000-0000-7000-8000-000000000000", "7", "%FF", "..%2Fkeys"] {
        server.get(&format!("/api/v1/events/{id}")).await.refused(404, "not_found", &[]);
    }
}
