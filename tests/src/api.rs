//! A client of the HTTP API.

use std::time::Duration;

use reqwest::{Method, header};
use serde_json::Value;

use crate::wait::eventually;

/// Longer than the server takes over any request.
const TIMEOUT: Duration = Duration::from_secs(40);
/// The longest page of a list.
const PAGE: usize = 1000;

/// A server's address and a key. Cloning is cheap.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

/// An answer, its body read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: String,
    /// The body as JSON; `null` where there is none.
    pub body: Value,
}

impl Api {
    pub(crate) fn new(base: String, key: Option<String>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().expect("a client of localhost");
        Self { http, base, key }
    }

    /// The same server with another key, or none.
    #[must_use]
    pub fn with_key(&self, key: Option<String>) -> Self {
        Self { key, ..self.clone() }
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When there is no whole answer, as when the server is killed meanwhile.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await?;
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let status = response.status().as_u16();
        let text = response.bytes().await?;
        let body = serde_json::from_slice(&text).unwrap_or_else(|_| String::from_utf8_lossy(&text).into());
        Ok(Answer { status, content_type, body })
    }

    /// Gets what must be there.
    ///
    /// # Panics
    /// When the answer is no success.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, Vec::new()).await.expect("the server answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Posts a body, whatever comes of it.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Method::POST, path, body.into()).await.expect("the server answers")
    }

    /// Publishes one event, or an array of them.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn try_publish(&self, event: &Value) -> Result<Answer, reqwest::Error> {
        self.send(Method::POST, "/api/v1/events", event.to_string().into_bytes()).await
    }

    /// Publishes one event that is new.
    ///
    /// # Panics
    /// When the answer is not 201.
    pub async fn publish(&self, event: &Value) -> Value {
        let answer = self.try_publish(event).await.expect("the server answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body
    }

    /// All events in the order of the log.
    pub async fn events(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let mut page = self.get(&format!("/api/v1/events?after={after}&limit={PAGE}")).await;
            let Some(next) = page["next"].as_i64() else { return all };
            after = next;
            all.append(page["events"].as_array_mut().expect("a list of events"));
        }
    }

    /// All deliveries in a state, newest first.
    pub async fn deliveries(&self, state: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = format!("/api/v1/deliveries?state={state}&limit={PAGE}");
        loop {
            let mut page = self.get(&path).await;
            all.append(page["deliveries"].as_array_mut().expect("a list of deliveries"));
            let Some(next) = page["next"].as_i64() else { return all };
            path = format!("/api/v1/deliveries?state={state}&limit={PAGE}&cursor={next}");
        }
    }

    /// The attempts at a delivery, each with its `outcome`.
    pub async fn attempts(&self, delivery: &Value) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/deliveries/{}/attempts", delivery["delivery_id"])).await;
        answer["attempts"].as_array().expect("a list of attempts").clone()
    }

    /// What `/health` says, whatever its status.
    pub async fn health(&self) -> Value {
        self.send(Method::GET, "/health", Vec::new()).await.expect("the server answers").body
    }

    /// Waits until every event is routed and every delivery has its final state.
    pub async fn all_processed(&self, limit: Duration) {
        eventually("all events to be processed", limit, async || {
            let health = self.health().await;
            (health["events"]["unprocessed"] == 0).then_some(())
        })
        .await;
    }
}
