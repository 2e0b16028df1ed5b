//! `GET /api/v1/events` and `/timeline`: filters, order, pages and followers (R222–R226).

use serde_json::{Value, json};

use crate::server::{Answer, Server, rows, signup, text};

const TIMELINE: &str = "/api/v1/events/timeline";

/// Events of several types, actors and organizations, in this order.
async fn published() -> Server {
    let server = Server::start().await;
    let event = |event_type: &str, actor: &str, organization: &str| json!({ "event_type": event_type, "payload": {}, "actor": actor, "organization_id": organization });
    server
        .publish(&json!([
            event("user.signup", "u1", "org_1"),
            event("org.created", "u1", "org_1"),
            event("organization.created", "u2", "org_1"),
            event("billing.payment_failed", "u1", "org_2"),
            event("billing.payment_received", "u2", "org_2"),
        ]))
        .await;
    server
}

fn types(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.column("events", "event_type")
}

#[tokio::test]
async fn absent_filters_do_not_restrict_and_the_newest_comes_first() {
    let server = published().await;
    let all = server.get(TIMELINE).await;
    let expected =
        ["billing.payment_received", "billing.payment_failed", "organization.created", "org.created", "user.signup"];
    assert_eq!(types(&all), expected);
    assert_eq!(all.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["events"], "R226");
    assert_eq!(types(&server.get("/api/v1/events").await), expected, "the list is the same");
}

#[tokio::test]
async fn filters_combine_with_and_under_every_spelling() {
    let server = published().await;
    for query in ["actor=u1", "userId=u1", "user_id=u1", "actorId=u1"] {
        let found = server.get(&format!("{TIMELINE}?{query}")).await;
        assert_eq!(types(&found), ["billing.payment_failed", "org.created", "user.signup"], "{query}");
    }
    for name in ["organization_id", "organizationId", "tenant_id", "tenantId"] {
        let found = server.get(&format!("{TIMELINE}?userId=u1&{name}=org_1")).await;
        assert_eq!(types(&found), ["org.created", "user.signup"], "{name}");
    }
    let found = server.get(&format!("{TIMELINE}?userId=u1&organizationId=org_1&eventTypes=user.signup")).await;
    assert_eq!(types(&found), ["user.signup"]);
    assert!(types(&server.get(&format!("{TIMELINE}?userId=u3")).await).is_empty());
}

#[tokio::test]
async fn event_types_are_repeated_or_separated_and_patterns_and_aliases_count() {
    let server = published().await;
    let both = ["billing.payment_failed", "user.signup"];
    for query in [
        "event_types=user.signup,billing.payment_failed",
        "eventTypes=user.signup&eventTypes=billing.payment_failed",
        "eventTypes[]=user.signup&eventTypes[]=billing.payment_failed",
        "event_types=user.signup&event_type=billing.payment_failed",
    ] {
        assert_eq!(types(&server.get(&format!("{TIMELINE}?{query}")).await), both, "{query}");
    }
    for query in ["org.created", "organization.created", "org.*"] {
        let found = server.get(&format!("{TIMELINE}?event_types={query}")).await;
        assert_eq!(types(&found), ["organization.created", "org.created"], "{query}");
    }
    assert_eq!(types(&server.get(&format!("{TIMELINE}?event_types=*")).await).len(), 5);
    let many = vec!["a.b"; 101].join(",");
    let refused = server.get(&format!("{TIMELINE}?event_types={many}")).await;
    refused.refused(422, "invalid", &["event_types"]);
    let most: Vec<_> = (0..100).map(|at| format!("a.b{at}")).collect();
    assert!(types(&server.get(&format!("{TIMELINE}?event_types={}", most.join(","))).await).is_empty());
}

#[tokio::test]
async fn times_bound_the_list() {
    let server = published().await;
    let all = server.get(TIMELINE).await;
    let time = text(&all.body["events"][4]["created_at"]);
    assert_eq!(types(&server.get(&format!("{TIMELINE}?since={time}")).await).len(), 5);
    assert!(types(&server.get(&format!("{TIMELINE}?until={time}")).await).is_empty());
    server.get(&format!("{TIMELINE}?since=yesterday")).await.refused(422, "invalid", &["since"]);
}

/// R223, C44
#[tokio::test]
async fn a_page_has_50_rows_unless_told_otherwise_and_1000_at_most() {
    let server = Server::start().await;
    let batch: Vec<_> = (0..1001).map(|at| signup(&format!("u{at}"), None)).collect();
    server.publish(&json!(batch)).await;
    let count = async |query: &str| types(&server.get(&format!("{TIMELINE}{query}")).await).len();
    assert_eq!(count("").await, 50);
    assert_eq!(count("?limit=1").await, 1);
    assert_eq!(count("?limit=1000").await, 1000);
    assert_eq!(count("?limit=1000&offset=950").await, 51);
    let page = server.get(&format!("{TIMELINE}?limit=2&offset=3")).await;
    assert_eq!(page.column("events", "actor"), ["u997", "u996"]);
    for query in ["limit=0", "limit=1001", "limit=-1", "limit=many"] {
        server.get(&format!("{TIMELINE}?{query}")).await.refused(422, "invalid", &["limit"]);
    }
    for query in ["offset=-1", "offset=1000001"] {
        server.get(&format!("{TIMELINE}?{query}")).await.refused(422, "invalid", &["offset"]);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repeats_while_events_come_in() {
    let server = Server::start().await;
    let batch: Vec<_> = (0..25).map(|at| signup(&format!("u{at}"), None)).collect();
    server.publish(&json!(batch)).await;
    let (mut seen, mut query) = (Vec::new(), "?limit=10".to_owned());
    loop {
        let page = server.get(&format!("{TIMELINE}{query}")).await;
        seen.extend(page.column("events", "actor"));
        server.publish(&signup("newcomer", None)).await;
        let Some(next) = page.body["next"].as_i64() else { break };
        query = format!("?limit=10&cursor={next}");
    }
    let expected: Vec<_> = (0..25).rev().map(|at| format!("u{at}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_page_of_heavy_events_ends_early_and_leads_on() {
    let server = Server::start().await;
    let event =
        |at: usize| json!({ "event_type": "a.b", "payload": { "x": "y".repeat(90_000) }, "actor": at.to_string() });
    server.publish(&Value::Array((0..105).map(event).collect())).await;
    let first = server.get(&format!("{TIMELINE}?limit=1000")).await;
    assert_eq!(rows(&first.body, "events").len(), 100);
    let rest = server.get(&format!("{TIMELINE}?limit=1000&cursor={}", first.body["next"])).await;
    assert_eq!(rest.column("events", "actor"), ["4", "3", "2", "1", "0"]);
    assert_eq!(rest.body["next"], Value::Null);
}

#[tokio::test]
async fn followers_get_what_matches_in_the_order_of_the_log() {
    let server = published().await;
    let key = server.key(&["read"], Some("org_2")).await;
    let events = "/api/v1/events?after";
    let first = server.get(&format!("{events}=0&limit=2")).await;
    assert_eq!(types(&first), ["user.signup", "org.created"]);
    let next = first.body["next"].as_i64().unwrap();
    let rest = server.get(&format!("{events}={next}&event_types=billing.*")).await;
    assert_eq!(types(&rest), ["billing.payment_failed", "billing.payment_received"]);
    let end = server.get(&format!("{events}={}", rest.body["next"])).await;
    assert_eq!(end.body, json!({ "events": [] }), "nothing more so far");

    let none = server.get(&format!("{events}=0&limit=3&userId=nobody")).await;
    assert_eq!((types(&none).len(), none.body["next"].is_i64()), (0, true), "goes on where nothing matched");
    let own = server.get_as(&key, &format!("{events}=0")).await;
    assert_eq!(types(&own), ["billing.payment_failed", "billing.payment_received"]);
    server.get(&format!("{events}=0&cursor=3")).await.refused(422, "invalid", &["cursor"]);
    server.get(&format!("{TIMELINE}?after=0")).await.refused(422, "invalid", &["after"]);
}

/// As after a restore from an older backup.
#[tokio::test]
async fn a_follower_that_is_further_than_the_log_is_told_so() {
    let server = Server::start().await;
    let follow = async |after: i64| server.get(&format!("/api/v1/events?after={after}")).await;
    assert_eq!(follow(0).await.body, json!({ "events": [] }), "an empty log ends where it begins");
    follow(1).await.refused(422, "invalid", &["after"]);
    server.publish(&json!([signup("a", None), signup("b", None)])).await;
    assert_eq!(follow(2).await.body, json!({ "events": [] }));
    let refused = follow(3).await;
    refused.refused(422, "invalid", &["after"]);
    let told = refused.body["detail"].as_str().unwrap();
    assert!(told.starts_with("after is 3, and the log ends at 2: it was restored from an older backup"), "{told}");
}

#[tokio::test]
async fn one_organization_never_sees_the_events_of_another() {
    let server = published().await;
    let key = server.key(&["read"], Some("org_2")).await;
    assert_eq!(types(&server.get_as(&key, TIMELINE).await), ["billing.payment_received", "billing.payment_failed"]);
    assert_eq!(types(&server.get_as(&key, &format!("{TIMELINE}?organization_id=org_2")).await).len(), 2);
    let other = server.get_as(&key, &format!("{TIMELINE}?organization_id=org_1")).await;
    other.refused(403, "forbidden", &["organization_id"]);
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused() {
    let server = Server::start().await;
    server.get(&format!("{TIMELINE}?organisation=x")).await.refused(422, "invalid", &["organisation"]);
    server.get(&format!("{TIMELINE}?actor=a&userId=b")).await.refused(422, "invalid", &["actor"]);
    server.get(&format!("{TIMELINE}?event_types=Signup")).await.refused(422, "invalid", &["event_types"]);
    server.get(&format!("{TIMELINE}?cursor=x")).await.refused(422, "invalid", &["cursor"]);
}
