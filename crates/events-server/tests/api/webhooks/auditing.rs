//! Who looks at a secret is on record.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use reqwest::Method;
use serde_json::json;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{Endpoint, path, server};
use crate::server::{answer, rows, text};

/// Keeps what is logged under the target `audit`, a line for each.
#[derive(Clone, Default)]
struct Audit(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Audit {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "audit"
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_look_at_a_secret_is_written_down_with_who_looked_and_without_the_secret() {
    let audit = Audit::default();
    let _guard = tracing::subscriber::set_default(audit.clone());
    let (server, endpoint) = (server().await, Endpoint::start().await);
    let made = server.subscribe(&json!({ "url": endpoint.url(), "events": ["*"] })).await;
    let key = server.key(&["manage", "read"], None).await;
    let keys = server.get("/api/v1/keys").await.body;
    let key_id = rows(&keys, "keys").iter().find(|key| key["name"] == "test").unwrap()["key_id"].clone();
    server.get_as(&key, &path(&made, "")).await;
    assert!(audit.0.lock().unwrap().is_empty(), "looking at a subscription shows no secret");
    let revealed = server.post_as(&key, &path(&made, "secret"), &json!({})).await;
    assert_eq!(revealed.body["secret"], made["secret"]);
    answer(server.call(Method::POST, "/api/v1/webhooks/subscriptions/nothing/secret")).await.refused(
        404,
        "not_found",
        &[],
    );
    let lines = audit.0.lock().unwrap();
    let [line] = &lines[..] else { panic!("one look is one line: {lines:?}") };
    assert!(line.contains(text(&key_id)) && line.contains(text(&made["subscription_id"])), "{line}");
    assert!(!line.contains(text(&made["secret"])) && !line.contains(&key), "{line}");
}
