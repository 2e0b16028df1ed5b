//! Why a subscription gets an event, or does not.

use serde_json::json;

use super::{Endpoint, invoice, server};

#[tokio::test]
async fn everything_that_stands_in_the_way_is_told_with_what_was_found() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let early = server.publish(&invoice("inv_0", "org_1")).await;
    let filter =
        json!({ "and": [{ "field": "payload.amount", "gt": 100 }, { "field": "payload.currency", "eq": "USD" }] });
    let request = json!({ "url": endpoint.url(), "events": ["invoice.*", "user.signup"], "filter": filter, "tenant_id": "org_1" });
    let made = server.subscribe(&request).await;
    let ask = async |event: &serde_json::Value| {
        let answer = server.act(&made, "explain", &json!({ "event_id": event["event_id"] })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    let event = server.publish(&invoice("inv_1", "org_1")).await;
    let told = ask(&event).await;
    assert_eq!((&told["matched"], &told["obstacles"]), (&json!(false), &json!(["filtered"])));
    assert_eq!(told["matching_events"], json!(["invoice.*"]));
    let [amount, currency] = [&told["filter"]["parts"][0], &told["filter"]["parts"][1]];
    assert_eq!((&amount["held"], &amount["found"]), (&json!(true), &json!(120.5)));
    assert_eq!(
        (&currency["held"], &currency["found"], &currency["place"]),
        (&json!(false), &json!("EUR"), &json!("filter.and[1]"))
    );

    let other = json!({ "event_type": "user.login", "payload": {}, "organization_id": "org_2" });
    let told = ask(&server.publish(&other).await).await;
    assert_eq!(told["obstacles"], json!(["other_organization", "other_type", "filtered"]));
    assert_eq!(ask(&early).await["obstacles"], json!(["published_before", "filtered"]));

    server.patch(&made, &json!({ "filter": null })).await;
    let told = ask(&event).await;
    assert_eq!((&told["matched"], told.get("filter")), (&json!(true), None));
    server.act(&made, "disable", &json!({})).await;
    assert_eq!(ask(&event).await["obstacles"], json!(["disabled"]));
}

#[tokio::test]
async fn an_event_that_is_none_is_refused() {
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    for (body, named) in
        [(json!({}), "event_id"), (json!({ "event_id": "inv_1" }), "event_id"), (json!({ "id": 1 }), "id")]
    {
        server.act(&made, "explain", &body).await.refused(422, "invalid", &[named]);
    }
    let missing = json!({ "event_id": made["subscription_id"] });
    server.act(&made, "explain", &missing).await.refused(404, "not_found", &[]);
}
