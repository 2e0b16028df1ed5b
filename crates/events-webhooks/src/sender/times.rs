//! Where the time of a call went. The marks of a new connection are set by the resolver, the TLS session store and
//! the connector, which all run for the call that asked for the connection.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tower::{Layer, Service};

tokio::task_local! {
    static MARKS: Arc<Marks>;
}

/// Where the time of a call went, in milliseconds with three decimals. What did not happen is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Resolving the name. `None` for a literal address and a connection that was used before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<f64>,
    /// Connecting (TCP), over all addresses that were tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// The TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// From having a connection until the answer's head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// The whole call, the answer's body included.
    pub total_ms: f64,
}

/// Whether the call made a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It began to make one.
    New,
    /// It used one that was there.
    Reused,
}

/// When each stage of a call ended. A stage is marked once; a second mark is passed over.
#[derive(Debug)]
pub(super) struct Marks {
    began: Instant,
    connecting: OnceLock<Instant>,
    resolved: OnceLock<Instant>,
    handshaking: OnceLock<Instant>,
    connected: OnceLock<Instant>,
    answered: OnceLock<Instant>,
}

/// A stage that somebody below the client can see the end of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Resolved,
    Handshaking,
}

/// Marks a stage of the call that is under way in this task, if any.
pub(super) fn mark(stage: Stage) {
    let _outside_of_a_call = MARKS.try_with(|marks| {
        let cell = match stage {
            Stage::Resolved => &marks.resolved,
            Stage::Handshaking => &marks.handshaking,
        };
        let _marked_before = cell.set(Instant::now());
    });
}

impl Marks {
    pub(super) fn begin() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            connecting: OnceLock::new(),
            resolved: OnceLock::new(),
            handshaking: OnceLock::new(),
            connected: OnceLock::new(),
            answered: OnceLock::new(),
        })
    }

    /// Runs a call under these marks.
    pub(super) async fn run<T>(self: &Arc<Self>, call: impl Future<Output = T>) -> T {
        MARKS.scope(self.clone(), call).await
    }

    pub(super) fn answered(&self) {
        let _marked_before = self.answered.set(Instant::now());
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered.get().is_some()
    }

    /// `None` when no connection was had.
    pub(super) fn connection(&self) -> Option<Connection> {
        match (self.connecting.get(), self.connected.get(), self.answered.get()) {
            (Some(_), Some(_), _) => Some(Connection::New),
            // A connection became free before the new one was there.
            (_, _, Some(_)) => Some(Connection::Reused),
            _ => None,
        }
    }

    pub(super) fn times(&self) -> Times {
        let at = |cell: &OnceLock<Instant>| cell.get().copied();
        let between = |from: Option<Instant>, to: Option<Instant>| Some(ms(to?.saturating_duration_since(from?)));
        let connecting = at(&self.connecting);
        let connected = at(&self.connected);
        let ready = connected.or(Some(self.began));
        Times {
            dns_ms: between(connecting, at(&self.resolved)),
            connect_ms: between(at(&self.resolved).or(connecting), at(&self.handshaking).or(connected)),
            tls_ms: between(at(&self.handshaking), connected),
            first_byte_ms: between(ready, at(&self.answered)),
            total_ms: ms(self.began.elapsed()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a call of 285 years is not made")]
fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

/// Hands the marks of the call on to the future that connects, which the client may move to another task.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarkLayer;

impl<S> Layer<S> for MarkLayer {
    type Service = MarkConnector<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MarkConnector(inner)
    }
}

#[derive(Clone, Debug)]
pub(super) struct MarkConnector<S>(S);

impl<S, Request> Service<Request> for MarkConnector<S>
where
    S: Service<Request>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let connecting = self.0.call(request);
        let Ok(marks) = MARKS.try_with(Arc::clone) else { return Box::pin(connecting) };
        let _marked_before = marks.connecting.set(Instant::now());
        Box::pin(MARKS.scope(marks.clone(), async move {
            let connection = connecting.await?;
            let _marked_before = marks.connected.set(Instant::now());
            Ok(connection)
        }))
    }
}
