//! Whose subscriptions they are.

use reqwest::Method;
use serde_json::json;

use super::{Endpoint, SUBSCRIPTIONS, invoice, path, server};
use crate::server::{answer, rows, text};

#[tokio::test]
async fn r294_an_invoice_of_the_tenant_queues_exactly_one_delivery() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = json!({ "url": endpoint.url(), "events": ["invoice.created"], "tenant_id": "test-tenant" });
    let subscription = server.subscribe(&request).await;
    let event = server.publish(&invoice("inv_7", "test-tenant")).await;
    server.settled(&server.publish(&invoice("inv_8", "another-tenant")).await).await;
    server.settled(&event).await;

    let target = text(&subscription["subscription_id"]);
    let deliveries = server.get(&format!("/api/v1/deliveries?handler=webhooks&target={target}")).await.body;
    let [delivery] = rows(&deliveries, "deliveries") else { panic!("{deliveries}") };
    assert_eq!((&delivery["event_type"], &delivery["event_id"]), (&json!("invoice.created"), &event["event_id"]));
    let [request] = &endpoint.requests()[..] else { panic!("one request for one delivery") };
    assert_eq!(request.body()["type"], "invoice.created");
    assert_eq!(request.body()["data"]["invoice_id"], "inv_7");
}

#[tokio::test]
async fn r296_another_organizations_subscription_is_not_there() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let request = json!({ "url": endpoint.url(), "events": ["*"], "organization_id": "org_1" });
    let theirs = server.subscribe(&request).await;
    let everybodys = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    let event = server.publish(&invoice("inv_1", "org_1")).await;
    server.settled(&event).await;
    let before = endpoint.requests().len();
    let stranger = server.key(&["manage"], Some("org_2")).await;
    for subscription in [&theirs, &everybodys] {
        for (method, action) in [
            (Method::GET, ""),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
            (Method::POST, "enable"),
            (Method::POST, "pause"),
            (Method::POST, "disable"),
            (Method::POST, "rotate"),
            (Method::POST, "secret"),
            (Method::POST, "test"),
            (Method::POST, "verify"),
            (Method::POST, "explain"),
            (Method::GET, "public-keys"),
        ] {
            let body = match (&method, action) {
                (_, "explain") => json!({ "event_id": event["event_id"] }),
                _ => json!({}),
            };
            let call = server.call_as(&stranger, method.clone(), &path(subscription, action)).json(&body);
            let refused = answer(call).await;
            refused.refused(404, "not_found", &[]);
        }
        let unchanged = server.get(&path(subscription, "")).await.body;
        assert_eq!((&unchanged["status"], &unchanged["revision"]), (&json!("enabled"), &json!(1)));
    }
    assert_eq!(endpoint.requests().len(), before, "a stranger has nothing sent");
    assert!(rows(&server.get_as(&stranger, SUBSCRIPTIONS).await.body, "subscriptions").is_empty());
}

#[tokio::test]
async fn a_bound_key_makes_subscriptions_of_its_own_organization() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let key = server.key(&["manage"], Some("org_1")).await;
    let mut request = json!({ "url": endpoint.url(), "events": ["*"] });
    assert_eq!(server.post_as(&key, SUBSCRIPTIONS, &request).await.body["organization_id"], "org_1");
    request["tenantId"] = json!("org_1");
    assert_eq!(server.post_as(&key, SUBSCRIPTIONS, &request).await.status, 201);
    request["tenantId"] = json!("org_2");
    server.post_as(&key, SUBSCRIPTIONS, &request).await.refused(403, "forbidden", &["organization_id"]);
    request["organization_id"] = json!("org_2");
    server.post(SUBSCRIPTIONS, &request).await.refused(422, "invalid", &["organization_id"]);
}
