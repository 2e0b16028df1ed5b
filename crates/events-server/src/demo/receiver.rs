//! A stand-in for Slack: takes messages as Slack does, and shows them.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

/// Listens on a free port of this machine and hands on what it receives.
pub(super) struct Receiver {
    address: SocketAddr,
    messages: mpsc::Receiver<String>,
}

impl Receiver {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let (sender, messages) = mpsc::channel(64);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().route("/services/{channel}", post(receive)).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, messages })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next message as it was received: its channel and text, and its fields.
    pub(super) async fn next(&mut self) -> String {
        match self.messages.recv().await {
            Some(message) => message,
            None => std::future::pending().await, // nothing more will come
        }
    }
}

async fn receive(
    Path(channel): Path<String>,
    State(messages): State<mpsc::Sender<String>>,
    body: String,
) -> &'static str {
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut message = format!("#{channel} received: {}", body["text"].as_str().unwrap_or_default());
    let sections = body["blocks"].as_array().into_iter().flatten();
    for field in sections.filter_map(|section| section["fields"].as_array()).flatten() {
        let text = field["text"].as_str().unwrap_or_default().replace('*', "").replace('\n', ": ");
        message.push_str(&format!("\n                   {text}"));
    }
    let _ = messages.send(message).await;
    "ok"
}
