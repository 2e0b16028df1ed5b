//! A stand-in for Slack, which answers as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use tokio::net::TcpListener;

/// What the receiver answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// The message was taken.
    Ok,
    /// This message is refused for good.
    Refused,
    /// The target is gone for good.
    Gone,
    /// Nothing, for ever.
    Nothing,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    says: Arc<Mutex<Says>>,
}

impl Receiver {
    pub(crate) async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let says = Arc::new(Mutex::new(says));
        let router = Router::new().route("/", post(receive)).with_state(says.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, says }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Answers like this from now on.
    pub(crate) fn now_says(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }
}

async fn receive(State(says): State<Arc<Mutex<Says>>>) -> (StatusCode, &'static str) {
    let says = *says.lock().unwrap();
    match says {
        Says::Ok => (StatusCode::OK, "ok"),
        Says::Refused => (StatusCode::BAD_REQUEST, "invalid_payload"),
        Says::Gone => (StatusCode::NOT_FOUND, "no_service"),
        Says::Nothing => std::future::pending().await,
    }
}
