//! A server on throwaway data, and calls to it.

use std::{net::SocketAddr, path::Path, time::Duration};

use events_server::{App, Sources, load};
use events_sqlite::SqliteStore;
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::receiver::Receiver;

/// How long a test waits for what should come at once, before it is over and tells what it saw instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Server {
    data: TempDir,
    address: SocketAddr,
    http: reqwest::Client,
    key: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// What a call was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Server {
    /// Without handlers: events are stored, and routed to nobody.
    pub(crate) async fn start() -> Self {
        Self::configured("").await
    }

    /// Slack messages go to this receiver.
    pub(crate) async fn with_slack(receiver: &Receiver) -> Self {
        Self::configured(&format!("[slack]\nwebhook_url = \"{}\"", receiver.url())).await
    }

    /// With more in the configuration file.
    pub(crate) async fn configured(more: &str) -> Self {
        Self::on(tempfile::tempdir().unwrap(), more).await
    }

    /// On data that `prepare` has put into its store before.
    pub(crate) async fn prepared(prepare: impl AsyncFnOnce(&SqliteStore)) -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("data")).unwrap();
        let store = SqliteStore::open(data.path().join("data/events.db")).await.unwrap();
        prepare(&store).await;
        store.close().await;
        Self::on(data, "").await
    }

    async fn on(data: TempDir, more: &str) -> Self {
        let file = data.path().join("events.toml");
        let server = format!("[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {:?}\n", data.path().join("data"));
        std::fs::write(&file, format!("{server}{more}")).unwrap();
        let app = App::start(load(&Sources { file: Some(file), ..Sources::default() }).unwrap()).await.unwrap();
        let address = app.address().unwrap();
        let key = std::fs::read_to_string(data.path().join("data/admin.key")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(app.serve(async { drop(stopped.await) }));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { data, address, http, key, stop, serving }
    }

    /// Stops in order and starts again on the same data.
    pub(crate) async fn restarted(self) -> Self {
        let Self { data, stop, serving, .. } = self;
        stop.send(()).unwrap();
        serving.await.unwrap();
        Self::on(data, "").await
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn admin_key(&self) -> &str {
        &self.key
    }

    /// A call with the admin key.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.call_as(&self.key, method, path)
    }

    pub(crate) fn call_as(&self, key: &str, method: Method, path: &str) -> RequestBuilder {
        self.call_without_key(method, path).bearer_auth(key)
    }

    pub(crate) fn call_without_key(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.call(Method::GET, path)).await
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str) -> Answer {
        answer(self.call_as(key, Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.call(Method::POST, path).json(body)).await
    }

    pub(crate) async fn post_as(&self, key: &str, path: &str, body: &Value) -> Answer {
        answer(self.call_as(key, Method::POST, path).json(body)).await
    }

    /// Publishes one event or many; they must be taken.
    pub(crate) async fn publish(&self, events: &Value) -> Value {
        let answer = self.post("/api/v1/events", events).await;
        assert!(answer.status.is_success(), "{answer:?}");
        answer.body
    }

    /// A new key with these scopes.
    pub(crate) async fn key(&self, scopes: &[&str], organization: Option<&str>) -> String {
        let request = json!({ "name": "test", "scopes": scopes, "organization_id": organization });
        let answer = self.post("/api/v1/keys", &request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["key"].as_str().unwrap().to_owned()
    }

    /// Asks again until the answer is as expected. The server has no bell to wait for.
    pub(crate) async fn until(&self, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        let waiting = async {
            loop {
                seen = self.get(path).await.body;
                if expected(&seen) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(came.is_ok(), "{path} still answers after {PATIENCE:?}: {seen}");
        seen
    }

    /// The event once everything that came of it is settled.
    pub(crate) async fn settled(&self, event: &Value) -> Value {
        let path = format!("/api/v1/events/{}", text(&event["event_id"]));
        self.until(&path, |event| event["processed"] == true).await
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, text, body }
}

impl Answer {
    /// The problem: status, code, and the fields at fault.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, fields: &[&str]) {
        let named: Vec<_> = rows(&self.body, "errors").iter().map(|error| text(&error["field"])).collect();
        assert_eq!((self.status.as_u16(), text(&self.body["code"]), &*named), (status, code, fields), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.body["status"], status);
        assert!(!text(&self.body["detail"]).is_empty());
    }

    /// One field of each row of a list.
    pub(crate) fn column(&self, list: &str, field: &str) -> Vec<Value> {
        rows(&self.body, list).iter().map(|row| row[field].clone()).collect()
    }
}

/// The rows of a list in an answer.
pub(crate) fn rows<'a>(body: &'a Value, list: &str) -> &'a [Value] {
    body[list].as_array().map_or(&[], Vec::as_slice)
}

/// A JSON text, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A signup of this person, in this organization.
pub(crate) fn signup(name: &str, organization: Option<&str>) -> Value {
    json!({
        "event_type": "user.signup",
        "payload": { "email": format!("{name}@example.com") },
        "actor": name, "actor_type": "user", "organization_id": organization,
    })
}
