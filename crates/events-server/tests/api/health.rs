//! `/health`: the shape of R236, and when the system counts as degraded (R237, C34).

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Says},
    server::{Server, answer, signup, text},
};

async fn health(server: &Server) -> Value {
    let answer = answer(server.call_without_key(Method::GET, "/health")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn r236_health_has_exactly_this_shape() {
    let server = Server::start().await;
    let mut health = health(&server).await;
    let timestamp = health.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(text(&timestamp).ends_with('Z'));
    assert_eq!(health, json!({ "status": "healthy", "events": { "unprocessed": 0, "healthy": true } }));
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(answer(server.call_without_key(Method::GET, path)).await.status, 200);
    }
}

#[tokio::test]
async fn r237_a_thousand_unprocessed_events_are_degraded() {
    let slack = Receiver::start(Says::Nothing).await;
    let server = Server::with_slack(&slack).await;
    let batch: Vec<_> = (0..999).map(|at| signup(&format!("u{at}"), None)).collect();
    server.publish(&json!(batch)).await;
    let before = health(&server).await;
    assert_eq!(
        (&before["status"], &before["events"]),
        (&json!("healthy"), &json!({ "unprocessed": 999, "healthy": true }))
    );
    server.publish(&signup("one_more", None)).await;
    let behind = health(&server).await;
    assert_eq!(
        (&behind["status"], &behind["events"]),
        (&json!("degraded"), &json!({ "unprocessed": 1000, "healthy": false }))
    );
    assert_eq!(server.get("/api/v1/stats").await.body["unprocessed"], 1000);
}

#[tokio::test]
async fn a_disabled_target_is_degraded_and_not_named() {
    let slack = Receiver::start(Says::Gone).await;
    let server = Server::with_slack(&slack).await;
    server.settled(&server.publish(&signup("alice", None)).await).await;
    let health = health(&server).await;
    assert_eq!(
        (&health["status"], &health["events"]),
        (&json!("degraded"), &json!({ "unprocessed": 0, "healthy": true }))
    );
    assert_eq!(health.as_object().unwrap().len(), 3, "anybody may ask");

    let bound = server.key(&["admin"], Some("org_1")).await;
    for key in [bound.as_str(), "ek_wrong", &server.key(&["publish"], None).await] {
        assert_eq!(server.get_as(key, "/health").await.body.as_object().unwrap().len(), 3);
    }
    let detailed = server.get("/health").await.body;
    assert_eq!(detailed["depth"], server.get("/api/v1/stats").await.body);
    assert_eq!(detailed["targets"], server.get("/api/v1/targets").await.body["targets"]);
}
