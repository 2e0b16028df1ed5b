//! `/api/v1/dead-letters`: deliveries that failed for good, and the way back.

use serde_json::json;

use crate::{
    receiver::{Receiver, Says},
    server::{Server, rows, signup, text},
};

const DEAD_LETTERS: &str = "/api/v1/dead-letters";
const REDRIVE: &str = "/api/v1/dead-letters/redrive";

#[tokio::test]
async fn a_dead_letter_is_listed_shown_and_redriven() {
    let slack = Receiver::start(Says::Refused).await;
    let server = Server::with_slack(&slack).await;
    let event = server.settled(&server.publish(&signup("alice", None)).await).await;
    let list = server.get(&format!("{DEAD_LETTERS}?handler=slack")).await;
    let [letter] = rows(&list.body, "dead_letters") else { panic!("{}", list.text) };
    assert_eq!(
        (&letter["event"]["event_id"], &letter["reason_class"]),
        (&event["event_id"], &json!("message_refused"))
    );
    let shown = server.get(&format!("{DEAD_LETTERS}/{}", letter["delivery_id"])).await;
    assert_eq!((&shown.body["reason"], rows(&shown.body, "tries").len()), (&letter["reason"], 1));

    slack.now_says(Says::Ok);
    let redriven = server.post(REDRIVE, &json!({ "delivery_ids": [letter["delivery_id"]] })).await;
    assert_eq!(redriven.body, json!({ "redriven": 1 }));
    let event = server.settled(&event).await;
    assert_eq!(rows(&event, "deliveries")[0]["state"], "succeeded");
    assert_eq!(rows(&rows(&event, "deliveries")[0], "tries").len(), 2, "the failure stays on record");
    server.get(&format!("{DEAD_LETTERS}/{}", letter["delivery_id"])).await.refused(404, "not_found", &[]);
}

#[tokio::test]
async fn redriving_names_what_it_means() {
    let server = Server::start().await;
    server.post(REDRIVE, &json!({})).await.refused(422, "invalid", &["body"]);
    server.post(REDRIVE, &json!({ "handlr": "slack" })).await.refused(422, "invalid", &["body"]);
    server.post(REDRIVE, &json!({ "delivery_ids": vec![1; 10_001] })).await.refused(422, "invalid", &["delivery_ids"]);
    for nothing in [json!({ "all": true }), json!({ "handler": "email" }), json!({ "delivery_ids": [1, 2] })] {
        assert_eq!(server.post(REDRIVE, &nothing).await.body, json!({ "redriven": 0 }));
    }
}

#[tokio::test]
async fn a_key_of_one_organization_sees_and_redrives_its_own() {
    let slack = Receiver::start(Says::Refused).await;
    let server = Server::with_slack(&slack).await;
    for organization in ["org_1", "org_2"] {
        server.settled(&server.publish(&signup("alice", Some(organization))).await).await;
    }
    let key = server.key(&["manage"], Some("org_1")).await;
    let list = server.get_as(&key, DEAD_LETTERS).await;
    let [letter] = rows(&list.body, "dead_letters") else { panic!("{}", list.text) };
    assert_eq!(letter["event"]["organization_id"], "org_1");
    let all = server.get(DEAD_LETTERS).await;
    let other = rows(&all.body, "dead_letters").iter().find(|other| other != &letter).unwrap();
    server.get_as(&key, &format!("{DEAD_LETTERS}/{}", other["delivery_id"])).await.refused(404, "not_found", &[]);

    slack.now_says(Says::Ok);
    let none = server.post_as(&key, REDRIVE, &json!({ "delivery_ids": [other["delivery_id"]] })).await;
    assert_eq!(none.body, json!({ "redriven": 0 }));
    assert_eq!(server.post_as(&key, REDRIVE, &json!({ "all": true })).await.body, json!({ "redriven": 1 }));
    server.settled(&letter["event"]).await;
    assert_eq!(rows(&server.get(DEAD_LETTERS).await.body, "dead_letters"), std::slice::from_ref(other));
}

#[tokio::test]
async fn a_key_of_one_organization_cannot_wake_a_target_that_all_share() {
    let slack = Receiver::start(Says::Gone).await;
    let server = Server::with_slack(&slack).await;
    let event = server.publish(&signup("alice", Some("org_1"))).await;
    server.settled(&event).await;
    let key = server.key(&["manage"], Some("org_1")).await;
    server.post_as(&key, REDRIVE, &json!({ "all": true })).await.refused(403, "forbidden", &[]);
    server.post_as(&key, REDRIVE, &json!({ "handler": "slack" })).await.refused(403, "forbidden", &[]);
    let elsewhere = server.post_as(&key, REDRIVE, &json!({ "handler": "email" })).await;
    assert_eq!(elsewhere.body, json!({ "redriven": 0 }));
    let targets = server.get("/api/v1/targets").await;
    assert!(!text(&targets.body["targets"][0]["disabled_at"]).is_empty(), "it still rests");
    assert_eq!(server.post(REDRIVE, &json!({ "all": true })).await.body, json!({ "redriven": 1 }));
}
