//! The HTTP side: any method and path is taken, bodies within bounds, and rubbish ends its connection only.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use events_core::Clock;
use events_webhooks::signature::{VerifyingKey, verify};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use super::{
    answers::Answers,
    report::{self, Counts, Received},
};

/// Longest body that is taken. Events are at most 16 MiB, and 256 KiB unless an operator says otherwise.
const BODY_BYTES: usize = 17 * 1024 * 1024;

/// A receiver. Cheap to clone.
#[derive(Clone)]
pub(super) struct Receiver(Arc<Inner>);

struct Inner {
    key: Option<VerifyingKey>,
    answers: Answers,
    as_json: bool,
    received: AtomicU64,
    verified: AtomicU64,
    unverified: AtomicU64,
    /// Nobody reads what is printed any more.
    unread: Notify,
}

impl Receiver {
    pub(super) fn new(key: Option<VerifyingKey>, answers: Answers, as_json: bool) -> Self {
        let zero = AtomicU64::default;
        Self(Arc::new(Inner {
            key,
            answers,
            as_json,
            received: zero(),
            verified: zero(),
            unverified: zero(),
            unread: Notify::new(),
        }))
    }

    /// Receives until nobody reads what is printed.
    pub(super) async fn serve(&self, listener: TcpListener) -> std::io::Result<()> {
        let router = Router::new().fallback(receive).with_state(self.clone());
        tokio::select! {
            served = async { axum::serve(listener, router).await } => served,
            () = self.0.unread.notified() => Ok(()),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            received: read(&self.0.received),
            verified: read(&self.0.verified),
            unverified: read(&self.0.unverified),
        }
    }

    /// Whether the signature is right, in words; `None` when no key was given.
    fn verdict(&self, head: &Parts, body: &[u8]) -> Option<Result<(), String>> {
        let key = self.0.key.as_ref()?;
        let verdict = verify(key, &head.headers, body, events_core::ports::SystemClock.now());
        let count = if verdict.is_ok() { &self.0.verified } else { &self.0.unverified };
        count.fetch_add(1, Ordering::Relaxed);
        Some(verdict.map_err(|unverified| unverified.to_string()))
    }
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let number = receiver.0.received.fetch_add(1, Ordering::Relaxed) + 1;
    let Ok(body) = to_bytes(body, BODY_BYTES).await else {
        let told = report::refused(number, &head, BODY_BYTES, receiver.0.as_json);
        return done(&receiver, told, StatusCode::PAYLOAD_TOO_LARGE, None);
    };
    let verdict = receiver.verdict(&head, &body);
    let status = receiver.0.answers.next();
    let received = Received { number, head: &head, body: &body, verdict: verdict.as_ref(), status };
    let told = report::print(&received, receiver.0.as_json);
    tokio::time::sleep(receiver.0.answers.delay).await;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    done(&receiver, told, status, challenge(&body))
}

/// Answers, and ends the command when nobody reads what it prints.
fn done(receiver: &Receiver, told: std::io::Result<()>, status: StatusCode, echo: Option<Value>) -> Response {
    if told.is_err() {
        receiver.0.unread.notify_one();
    }
    match echo {
        Some(echo) => (status, axum::Json(echo)).into_response(),
        None => status.into_response(),
    }
}

/// The answer to an ownership challenge.
fn challenge(body: &[u8]) -> Option<Value> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let word = body.get("challenge").filter(|_| body["type"] == "webhook.challenge")?;
    Some(json!({ "challenge": word }))
}
