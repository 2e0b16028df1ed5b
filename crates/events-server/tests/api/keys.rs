//! `/api/v1/keys`, and what each key may do: every route, every scope, bound and not.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Server, answer, rows, signup, text};

const KEYS: &str = "/api/v1/keys";

/// A route, the scopes that open it, and whether a key of one organization may use it.
struct Guarded(Method, &'static str, &'static [&'static str], bool);

const READ: &[&str] = &["read", "manage", "admin"];
const MANAGE: &[&str] = &["manage", "admin"];

fn guarded() -> Vec<Guarded> {
    vec![
        Guarded(Method::POST, "/api/v1/events", &["publish", "admin"], true),
        Guarded(Method::GET, "/api/v1/events", READ, true),
        Guarded(Method::GET, "/api/v1/events/timeline", READ, true),
        Guarded(Method::GET, "/api/v1/events/{event_id}", READ, true),
        Guarded(Method::GET, "/api/v1/deliveries", READ, true),
        Guarded(Method::GET, "/api/v1/deliveries/{delivery_id}/attempts", READ, true),
        Guarded(Method::GET, "/api/v1/dead-letters", READ, true),
        Guarded(Method::GET, "/api/v1/dead-letters/{delivery_id}", READ, true),
        Guarded(Method::POST, "/api/v1/dead-letters/redrive", MANAGE, true),
        Guarded(Method::GET, "/api/v1/targets", READ, false),
        Guarded(Method::POST, "/api/v1/targets/resume", MANAGE, false),
        Guarded(Method::GET, "/api/v1/keys", &["admin"], true),
        Guarded(Method::POST, "/api/v1/keys", &["admin"], true),
        Guarded(Method::DELETE, "/api/v1/keys/{key_id}", &["admin"], true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions", MANAGE, true),
        Guarded(Method::GET, "/api/v1/webhooks/subscriptions", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/subscriptions/{subscription_id}", READ, true),
        Guarded(Method::PATCH, "/api/v1/webhooks/subscriptions/{subscription_id}", MANAGE, true),
        Guarded(Method::DELETE, "/api/v1/webhooks/subscriptions/{subscription_id}", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/enable", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/pause", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/disable", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/rotate", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/secret", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/test", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/verify", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/explain", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/subscriptions/{subscription_id}/public-keys", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/subscriptions/{subscription_id}/deliveries", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/subscriptions/{subscription_id}/stats", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/stats", READ, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/recover", MANAGE, true),
        Guarded(Method::POST, "/api/v1/webhooks/subscriptions/{subscription_id}/replay", MANAGE, true),
        Guarded(Method::GET, "/api/v1/webhooks/deliveries", READ, true),
        Guarded(Method::GET, "/api/v1/webhooks/deliveries/{delivery_id}", READ, true),
        Guarded(Method::POST, "/api/v1/webhooks/deliveries/{delivery_id}/resend", MANAGE, true),
        Guarded(Method::GET, "/api/v1/replays", READ, true),
        Guarded(Method::GET, "/api/v1/replays/{replay_id}", READ, true),
        Guarded(Method::POST, "/api/v1/replays/{replay_id}/cancel", MANAGE, true),
        Guarded(Method::GET, "/api/v1/catalog", READ, true),
        Guarded(Method::GET, "/api/v1/stats", READ, false),
    ]
}

const OPEN: [&str; 4] = ["/health", "/health/live", "/health/ready", "/openapi.json"];

#[tokio::test]
async fn every_route_takes_exactly_the_keys_it_should() {
    let server = Server::start().await;
    let mut keys = Vec::new();
    for scope in ["publish", "read", "manage", "admin"] {
        for organization in [None, Some("org_1")] {
            keys.push((scope, organization, server.key(&[scope], organization).await));
        }
    }
    for Guarded(method, path, scopes, for_bound) in guarded() {
        let path = filled(path); // what is missing is found after the key is checked
        answer(server.call_without_key(method.clone(), &path)).await.refused(401, "unauthorized", &[]);
        answer(server.call_as("ek_wrong", method.clone(), &path)).await.refused(401, "unauthorized", &[]);
        for (scope, organization, key) in &keys {
            let allowed = scopes.contains(scope) && (for_bound || organization.is_none());
            let got = answer(server.call_as(key, method.clone(), &path)).await;
            assert_ne!(got.status, 401, "{method} {path} {scope}");
            assert_ne!(got.status, 405, "{method} {path} {scope}");
            assert_eq!(got.status != 403, allowed, "{method} {path} {scope} {organization:?}: {}", got.text);
        }
    }
}

/// A path with 0 for everything in braces.
fn filled(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "0".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The table above and the document name the same routes, so neither forgets one.
#[tokio::test]
async fn the_table_of_routes_is_complete() {
    let server = Server::start().await;
    let document = server.get("/openapi.json").await.body;
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        documented.extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let mut tested: BTreeSet<_> =
        guarded().into_iter().map(|Guarded(method, path, ..)| (method.to_string(), path.to_owned())).collect();
    tested.extend(OPEN.map(|path| ("GET".to_owned(), path.to_owned())));
    assert_eq!(documented, tested);
    for path in OPEN {
        assert_eq!(answer(server.call_without_key(Method::GET, path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_ends_with_its_deletion() {
    let server = Server::start().await;
    let made = server.post(KEYS, &json!({ "name": "importer", "scopes": ["read", "publish", "read"] })).await;
    assert_eq!((made.status.as_u16(), made.headers["cache-control"].to_str().unwrap()), (201, "no-store"));
    assert_eq!(made.body["scopes"], json!(["publish", "read"]));
    let (key, id) = (text(&made.body["key"]), text(&made.body["key_id"]));
    let list = server.get(KEYS).await;
    assert_eq!(list.column("keys", "name"), ["admin", "importer"]);
    assert!(!list.text.contains(key) && !list.text.contains("hash"), "no list shows a key");

    assert_eq!(server.post_as(key, "/api/v1/events", &signup("a", None)).await.status, 201);
    let deleted = answer(server.call(Method::DELETE, &format!("{KEYS}/{id}"))).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    server.get_as(key, "/api/v1/events").await.refused(401, "unauthorized", &[]);
    answer(server.call(Method::DELETE, &format!("{KEYS}/{id}"))).await.refused(404, "not_found", &[]);
}

#[tokio::test]
async fn an_admin_of_one_organization_has_power_over_its_keys_alone() {
    let server = Server::start().await;
    let admin = server.key(&["admin"], Some("org_1")).await;
    server.key(&["read"], Some("org_2")).await;
    let made = server.post_as(&admin, KEYS, &json!({ "name": "mine", "scopes": ["admin"] })).await;
    assert_eq!(made.body["organization_id"], "org_1", "a key of its own organization, whatever is left out");
    let other = json!({ "name": "x", "scopes": ["read"], "organizationId": "org_2" });
    server.post_as(&admin, KEYS, &other).await.refused(403, "forbidden", &["organization_id"]);

    let own = server.get_as(&admin, KEYS).await.column("keys", "organization_id");
    assert_eq!(own, ["org_1", "org_1"]);
    for key in rows(&server.get(KEYS).await.body, "keys").iter().filter(|key| key["organization_id"] != "org_1") {
        let path = format!("{KEYS}/{}", text(&key["key_id"]));
        answer(server.call_as(&admin, Method::DELETE, &path)).await.refused(404, "not_found", &[]);
    }
}

#[tokio::test]
async fn keys_that_would_mean_nothing_are_refused() {
    let server = Server::start().await;
    let with = |field: &str, value: Value| {
        let mut request = json!({ "name": "x", "scopes": ["read"] });
        request[field] = value;
        request
    };
    for (field, value, named) in [
        ("name", json!(" "), "name"),
        ("name", json!("x".repeat(256)), "name"),
        ("name", json!("a\u{1b}[31m"), "name"),
        ("scopes", json!([]), "scopes"),
        ("scopes", json!(["root"]), "body"),
        ("organization_id", json!(""), "organization_id"),
        ("expires", json!("never"), "body"),
    ] {
        server.post(KEYS, &with(field, value)).await.refused(422, "invalid", &[named]);
    }
    server.post(KEYS, &json!({})).await.refused(422, "invalid", &["body"]);
}

/// The file with the admin key is readable by its owner only, and so is its directory.
#[tokio::test]
async fn the_admin_key_lies_in_a_private_place() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start().await;
    let mode = |path: &str| server.data().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/admin.key"), mode("data/events.db")), (0o700, 0o600, 0o600));
}

#[tokio::test]
async fn the_admin_key_stays_over_a_restart() {
    let server = Server::start().await.restarted().await;
    assert_eq!(rows(&server.get(KEYS).await.body, "keys").len(), 1);
}
