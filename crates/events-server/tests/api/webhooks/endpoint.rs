//! A customer's endpoint, which answers as it is told and keeps what it was sent.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify};

use crate::server::PATIENCE;

#[derive(Default)]
struct Kept {
    status: Mutex<u16>,
    /// What is answered before that.
    first: Mutex<VecDeque<u16>>,
    /// Whether challenges are answered.
    echoes: Mutex<bool>,
    requests: Mutex<Vec<Request>>,
    arrived: Notify,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

pub(crate) struct Endpoint {
    address: SocketAddr,
    kept: Arc<Kept>,
}

impl Endpoint {
    /// Answers 200, and challenges with nothing.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept { status: Mutex::new(200), ..Kept::default() });
        let router = Router::new().fallback(receive).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, kept }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(crate) fn now_says(&self, status: u16) {
        *self.kept.status.lock().unwrap() = status;
    }

    /// Answers with each of these once, and then as it did before.
    pub(crate) fn now_says_in_turn(&self, statuses: &[u16]) {
        self.kept.first.lock().unwrap().extend(statuses);
    }

    pub(crate) fn now_echoes(&self) {
        *self.kept.echoes.lock().unwrap() = true;
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.kept.requests.lock().unwrap().clone()
    }

    /// Waits until this many requests have come.
    pub(crate) async fn received(&self, count: usize) -> Vec<Request> {
        let waiting = async {
            while self.requests().len() < count {
                self.kept.arrived.notified().await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, waiting).await;
        let requests = self.requests();
        assert!(came.is_ok(), "{} of {count} requests after {PATIENCE:?}", requests.len());
        requests
    }
}

async fn receive(State(kept): State<Arc<Kept>>, headers: HeaderMap, text: String) -> (StatusCode, String) {
    let echoed = serde_json::from_str::<Value>(&text).ok().filter(|_| *kept.echoes.lock().unwrap());
    let echoed = echoed.and_then(|body| Some(body.get("challenge")?.as_str()?.to_owned()));
    kept.requests.lock().unwrap().push(Request { headers, text });
    kept.arrived.notify_one();
    let first = kept.first.lock().unwrap().pop_front();
    let status = first.unwrap_or(*kept.status.lock().unwrap());
    (StatusCode::from_u16(status).unwrap(), echoed.unwrap_or_else(|| "thanks".to_owned()))
}
