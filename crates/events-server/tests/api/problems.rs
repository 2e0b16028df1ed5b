//! Problems: every refusal is `application/problem+json` with a stable code.

use reqwest::Method;

use crate::server::{Server, answer};

#[tokio::test]
async fn what_is_not_there_and_wrong_methods_are_problems() {
    let server = Server::start().await;
    for path in ["/", "/api", "/api/v1/evnts", "/api/v1/events/", "/api/v1/events/x/y", "/health/"] {
        server.get(path).await.refused(404, "not_found", &[]);
    }
    for (method, path) in
        [(Method::PUT, "/api/v1/events"), (Method::GET, "/api/v1/targets/resume"), (Method::POST, "/health")]
    {
        let refused = answer(server.call(method, path)).await;
        refused.refused(405, "method_not_allowed", &[]);
        assert!(refused.headers.contains_key("allow"), "{path} tells what it takes");
    }
}

#[tokio::test]
async fn a_key_is_sent_as_a_bearer_token() {
    let server = Server::start().await;
    for header in ["", "Basic YTpi", "Bearer", "Bearer ", "Bearer ek_wrong", "ek_wrong"] {
        let refused =
            answer(server.call_without_key(Method::GET, "/api/v1/events").header("authorization", header)).await;
        refused.refused(401, "unauthorized", &[]);
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
    }
}

#[tokio::test]
async fn a_field_at_fault_is_named_with_what_is_wrong() {
    let server = Server::start().await;
    let refused = server.get("/api/v1/events?limit=0").await;
    refused.refused(422, "invalid", &["limit"]);
    assert_eq!(refused.body["errors"][0]["problem"], "must be a number from 1 to 1000, but is 0");
    assert_eq!(refused.body["detail"], "limit must be a number from 1 to 1000, but is 0");
}

#[tokio::test]
async fn every_answer_bears_the_id_of_its_request() {
    let server = Server::start().await;
    assert!(server.get("/nowhere").await.headers.contains_key("x-request-id"));
    let named = answer(server.call(Method::GET, "/health").header("x-request-id", "mine")).await;
    assert_eq!(named.headers["x-request-id"], "mine");
}
