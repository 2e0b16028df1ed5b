//! `/api/v1/targets`: targets that rest, and how to wake them.

use serde_json::json;

use crate::{
    receiver::{Receiver, Says},
    server::{Server, rows, signup, text},
};

#[tokio::test]
async fn a_target_that_is_gone_rests_until_it_is_resumed() {
    let slack = Receiver::start(Says::Gone).await;
    let server = Server::with_slack(&slack).await;
    server.settled(&server.publish(&signup("alice", None)).await).await;
    let waiting = server.publish(&signup("bob", None)).await;
    let targets = server.until("/api/v1/targets", |targets| targets["targets"][0]["waiting"] == 1).await;
    let [target] = rows(&targets, "targets") else { panic!("{targets}") };
    assert_eq!(target["handler"], "slack");
    assert!(text(&target["reason"]).contains("no_service"), "{target}");

    slack.now_says(Says::Ok);
    let resume = json!({ "handler": "slack", "target": target["target"] });
    assert_eq!(server.post("/api/v1/targets/resume", &resume).await.body, json!({ "resumed": 1 }));
    server.settled(&waiting).await;
    assert!(rows(&server.get("/api/v1/targets").await.body, "targets").is_empty());
    assert_eq!(server.post("/api/v1/targets/resume", &resume).await.body, json!({ "resumed": 0 }));
}

#[tokio::test]
async fn a_resume_names_a_handler() {
    let server = Server::start().await;
    for body in [json!({}), json!({ "handler": "slack", "all": true }), json!({ "handler": 7 })] {
        server.post("/api/v1/targets/resume", &body).await.refused(422, "invalid", &["body"]);
    }
}
