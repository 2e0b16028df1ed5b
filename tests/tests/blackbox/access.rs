//! Keys: who may do what, and what each organization sees.

use events_tests::{Api, Home, Store, on_each_store};
use reqwest::Method;
use serde_json::{Value, json};

on_each_store! {
    a_request_needs_a_key_with_the_scope,
    an_organization_neither_sees_nor_touches_another,
    a_deleted_key_stops_working_at_once_and_others_survive_a_restart,
}

async fn make_key(api: &Api, name: &str, scopes: &[&str], organization: Option<&str>) -> String {
    let body = json!({ "name": name, "scopes": scopes, "organization_id": organization });
    let answer = api.post("/api/v1/keys", body.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["key"].as_str().unwrap().to_owned()
}

/// Status and detail of a request that is refused as a problem.
async fn refused(api: &Api, method: Method, path: &str, body: &Value) -> (u16, String) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = api.send(method, path, body).await.unwrap();
    assert_eq!(answer.content_type, "application/problem+json", "{}", answer.body);
    (answer.status, answer.body["detail"].as_str().unwrap().to_owned())
}

async fn a_request_needs_a_key_with_the_scope(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    let admin = server.api();
    let event = json!({ "event_type": "a.b", "payload": {} });
    let reader = admin.with_key(Some(make_key(&admin, "dashboard", &["read"], None).await));
    let publisher = admin.with_key(Some(make_key(&admin, "checkout", &["publish"], None).await));
    let wrong = format!("ek_{}", "0".repeat(64));

    for (key, says) in [(None, "send an API key"), (Some(wrong), "not known"), (Some("x".to_owned()), "not known")] {
        let stranger = admin.with_key(key);
        for (method, path) in [
            (Method::POST, "/api/v1/events"),
            (Method::GET, "/api/v1/events"),
            (Method::GET, "/api/v1/deliveries"),
            (Method::GET, "/api/v1/keys"),
            (Method::POST, "/api/v1/dead-letters/redrive"),
        ] {
            let (status, detail) = refused(&stranger, method, path, &event).await;
            assert_eq!(status, 401, "{path}: {detail}");
            assert!(detail.contains(says), "{path}: {detail}");
        }
    }
    for (api, method, path, scope) in [
        (&reader, Method::POST, "/api/v1/events", "publish"),
        (&publisher, Method::GET, "/api/v1/events", "read"),
        (&publisher, Method::GET, "/api/v1/deliveries", "read"),
        (&reader, Method::GET, "/api/v1/keys", "admin"),
    ] {
        let (status, detail) = refused(api, method, path, &event).await;
        assert_eq!(status, 403, "{path}: {detail}");
        assert!(detail.contains(&format!("lacks the scope \"{scope}\"")), "{path}: {detail}");
    }
    let (status, detail) =
        refused(&reader, Method::POST, "/api/v1/dead-letters/redrive", &json!({ "all": true })).await;
    assert_eq!(status, 403, "{detail}");
    assert!(reader.events().await.is_empty(), "nothing was stored");
    assert_eq!(server.api().with_key(None).health().await["status"], "healthy", "health needs no key");
}

async fn an_organization_neither_sees_nor_touches_another(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    let admin = server.api();
    let of = async |organization| {
        admin.with_key(Some(make_key(&admin, organization, &["publish", "read", "manage"], Some(organization)).await))
    };
    let (acme, globex) = (of("acme").await, of("globex").await);
    let event = |organization: &str| json!({ "event_type": "a.b", "payload": {}, "organization_id": organization, "idempotency_key": "k" });

    let (status, detail) = refused(&globex, Method::POST, "/api/v1/events", &event("acme")).await;
    assert_eq!(status, 403, "{detail}");
    assert!(detail.contains("globex") && detail.contains("acme"), "{detail}");
    let mixed = json!([event("globex"), event("acme")]);
    let (status, _) = refused(&globex, Method::POST, "/api/v1/events", &mixed).await;
    assert_eq!(status, 403);
    assert!(admin.events().await.is_empty(), "not even the event of its own");

    let published = acme.publish(&event("acme")).await;
    let id = published["event_id"].as_str().unwrap();
    let (status, _) = refused(&globex, Method::GET, &format!("/api/v1/events/{id}"), &Value::Null).await;
    assert_eq!(status, 404, "as if it were not there");
    let (status, _) = refused(&globex, Method::GET, "/api/v1/events?organization_id=acme", &Value::Null).await;
    assert_eq!(status, 403);
    assert!(globex.events().await.is_empty());
    assert_eq!(acme.events().await.len(), 1);
    let own = globex.publish(&event("globex")).await;
    assert_ne!(own["event_id"], published["event_id"], "keys are scoped to the organization");

    let (status, _) = refused(&globex, Method::GET, "/api/v1/targets", &Value::Null).await;
    assert_eq!(status, 403, "targets are shared by all");
    let (status, _) = refused(&globex, Method::GET, "/api/v1/keys", &Value::Null).await;
    assert_eq!(status, 403);
}

async fn a_deleted_key_stops_working_at_once_and_others_survive_a_restart(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    let (gone, kept) = (
        make_key(&server.api(), "gone", &["read"], None).await,
        make_key(&server.api(), "kept", &["read"], None).await,
    );
    let keys = server.api().get("/api/v1/keys").await;
    assert!(!keys.to_string().contains(&gone[3..]), "a key is shown once");
    let id = keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "gone").unwrap()["key_id"].clone();
    let path = format!("/api/v1/keys/{}", id.as_str().unwrap());
    assert_eq!(server.api().send(Method::DELETE, &path, Vec::new()).await.unwrap().status, 204);
    let with_gone = server.api().with_key(Some(gone));
    assert_eq!(refused(&with_gone, Method::GET, "/api/v1/events", &Value::Null).await.0, 401);
    let admin_key = home.admin_key();
    server.kill();

    let server = home.start().await;
    assert_eq!(home.admin_key(), admin_key, "the admin key is made once");
    server.api().get("/api/v1/keys").await;
    server.api().with_key(Some(kept)).get("/api/v1/events").await;
}
