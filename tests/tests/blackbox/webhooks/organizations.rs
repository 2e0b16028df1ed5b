//! What belongs to one organization is not there for another, on every route that the API describes.

use std::collections::BTreeSet;

use events_tests::{Answer, Api, Endpoint, PATIENCE, Size, eventually, on_each_size};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SUBSCRIPTIONS, post, subscribe_with, system};

on_each_size! {
    ids_of_another_organization_are_not_found_on_any_route,
}

/// What somebody owns, by the name of the parameter in a path.
struct Owned {
    subscription_id: String,
    delivery_id: String,
    replay_id: String,
    event_id: String,
}

impl Owned {
    /// The path of a route with the ids in it.
    fn fill(&self, route: &str) -> String {
        let known = [
            ("{subscription_id}", &self.subscription_id),
            ("{delivery_id}", &self.delivery_id),
            ("{replay_id}", &self.replay_id),
        ];
        let path = known.iter().fold(route.to_owned(), |path, (name, id)| path.replace(name, id));
        assert!(!path.contains('{'), "{route} has a parameter that this test does not know: teach it");
        path
    }

    /// A body that the route takes from its owner.
    fn body(&self, route: &str) -> Value {
        match route.rsplit('/').next().unwrap() {
            "explain" => json!({ "event_id": self.event_id }),
            "recover" | "replay" => json!({ "since": "2026-01-01T00:00:00Z", "dry_run": true }),
            _ => json!({}),
        }
    }
}

async fn key(api: &Api, organization: &str) -> Api {
    let wanted =
        json!({ "name": organization, "scopes": ["publish", "read", "manage"], "organization_id": organization });
    let made = post(api, "/api/v1/keys", &wanted).await;
    api.with_key(Some(made["key"].as_str().unwrap().to_owned()))
}

/// A subscription of this organization with a delivery that was made, and a job.
async fn owned(api: &Api, endpoint: &Endpoint) -> Owned {
    let fields = json!({ "url": endpoint.url("/"), "events": ["test.owned"], "signature": "v1a" });
    let subscription = subscribe_with(api, fields).await;
    let subscription_id = subscription["subscription_id"].as_str().unwrap().to_owned();
    let event = api.publish(&json!({ "event_type": "test.owned", "payload": { "n": 1 } })).await;
    let list = format!("{SUBSCRIPTIONS}/{subscription_id}/deliveries?status=succeeded");
    let delivery_id = eventually("a delivery to be made", PATIENCE, async || {
        api.get(&list).await["deliveries"][0]["delivery_id"].as_i64()
    })
    .await;
    let wanted = json!({ "since": "2026-01-01T00:00:00Z" });
    let job = post(api, &format!("{SUBSCRIPTIONS}/{subscription_id}/replay"), &wanted).await;
    Owned {
        subscription_id,
        delivery_id: delivery_id.to_string(),
        replay_id: job["replay_id"].as_str().unwrap().to_owned(),
        event_id: event["event_id"].as_str().unwrap().to_owned(),
    }
}

/// Methods and paths of webhooks and their jobs that name an id.
async fn routes_with_ids(api: &Api) -> Vec<(Method, String)> {
    let described = api.get("/openapi.json").await;
    let paths = described["paths"].as_object().unwrap();
    let ours = |path: &&String| {
        (path.starts_with("/api/v1/webhooks/") || path.starts_with("/api/v1/replays/")) && path.contains('{')
    };
    let mut routes = Vec::new();
    for path in paths.keys().filter(ours) {
        for method in paths[path].as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>()
                && [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(&method)
            {
                routes.push((method, path.clone()));
            }
        }
    }
    // What deletes comes last, so that everything else is still there.
    routes.sort_by_key(|(method, _)| *method == Method::DELETE);
    routes
}

async fn ask(api: &Api, method: &Method, path: &str, body: &Value) -> Answer {
    api.send(method.clone(), path, body.to_string().into_bytes()).await.unwrap()
}

async fn ids_of_another_organization_are_not_found_on_any_route(size: Size) {
    let endpoint = Endpoint::start().await;
    let system = system(&size, &[]).await;
    let admin = system.api();
    let (acme, other) = (key(&admin, "org_acme").await, key(&admin, "org_other").await);
    let (acmes, others) = (owned(&acme, &endpoint).await, owned(&other, &endpoint).await);
    let nobodys = Owned {
        subscription_id: uuid::Uuid::now_v7().to_string(),
        delivery_id: i64::MAX.to_string(),
        replay_id: uuid::Uuid::now_v7().to_string(),
        event_id: uuid::Uuid::now_v7().to_string(),
    };
    let routes = routes_with_ids(&admin).await;
    assert!(routes.len() >= 17, "{routes:?}");
    for (method, route) in &routes {
        let refused = ask(&other, method, &acmes.fill(route), &acmes.body(route)).await;
        assert_eq!(refused.status, 404, "{method} {route}: {}", refused.body);
        // It looks exactly as if there were no such thing.
        let missing = ask(&other, method, &nobodys.fill(route), &nobodys.body(route)).await;
        let about = |owned: &Owned, answer: &Answer| {
            let detail = answer.body["detail"].as_str().unwrap().to_owned();
            let ids = [&owned.subscription_id, &owned.replay_id, &owned.event_id, &format!("{:?}", owned.delivery_id)];
            (answer.status, ids.into_iter().fold(detail, |detail, id| detail.replace(id.as_str(), "ID")))
        };
        assert_eq!(about(&acmes, &refused), about(&nobodys, &missing), "{method} {route}");
    }
    // One's own subscription says nothing about another's event.
    let explain = others.fill("/api/v1/webhooks/subscriptions/{subscription_id}/explain");
    let about = ask(&other, &Method::POST, &explain, &acmes.body("/explain")).await;
    assert_eq!(about.status, 404, "{}", about.body);

    let everything = BTreeSet::from([&acmes.subscription_id, &acmes.replay_id, &acmes.event_id]);
    for list in [SUBSCRIPTIONS, "/api/v1/webhooks/deliveries", "/api/v1/replays"] {
        let seen = other.get(list).await.to_string();
        assert!(everything.iter().all(|id| !seen.contains(id.as_str())), "{list}: {seen}");
        assert!(seen.contains(&others.subscription_id), "{list} shows its own: {seen}");
    }
    for list in ["/api/v1/webhooks/deliveries", "/api/v1/replays"] {
        let path = format!("{list}?subscription_id={}", acmes.subscription_id);
        let answer = ask(&other, &Method::GET, &path, &Value::Null).await;
        let is_empty = answer.status == 200 && !answer.body.to_string().contains(&acmes.subscription_id);
        assert!(answer.status == 404 || is_empty, "{path}: {} {}", answer.status, answer.body);
    }
    for list in [SUBSCRIPTIONS, "/api/v1/webhooks/deliveries", "/api/v1/replays"] {
        let answer = ask(&other, &Method::GET, &format!("{list}?organization_id=org_acme"), &Value::Null).await;
        assert_eq!(answer.status, 403, "{list}: {}", answer.body);
    }

    // All of it is there for whoever owns it: these are no routes that never answer anything else.
    for (method, route) in &routes {
        let answer = ask(&acme, method, &acmes.fill(route), &acmes.body(route)).await;
        assert!((200..300).contains(&answer.status), "{method} {route}: {} {}", answer.status, answer.body);
    }
    println!("{} routes with ids, each closed to the other organization and open to its own", routes.len());
}
