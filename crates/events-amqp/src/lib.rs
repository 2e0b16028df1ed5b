//! Carries word of ready deliveries between processes through RabbitMQ.
//!
//! An [`AmqpQueue`] is built from [`AmqpOptions`] and keeps the promises of
//! [`DeliveryQueue`](events_core::ports::DeliveryQueue). It has two connections, one that
//! publishes and one that consumes, and each has a task that connects again for as long as the
//! queue lives:
//!
//! ```text
//! push ────► publisher ──► exchange `events` ──► queue `events.slack` ──► lane of `slack` ──► receive
//!            (a window of       │ no such queue        │ refused                ▲
//!             confirms)         ▼                      ▼                        └────────── ack, nack
//!                      `events.unrouted`         `events.dead`
//! ```
//!
//! # Invariants
//! - The store is the only truth. Everything here may be purged, deleted or restarted at any
//!   moment; it is declared again, and what was lost is found by those who look for themselves.
//! - No method waits for a connection. While the broker is away, or accepts nothing, the answer is
//!   [`Unavailable`](events_core::ports::QueueError::Unavailable), at once.
//! - A message that cannot be understood stops nobody: it goes where dead letters go.
//! - The password of the URL appears in no log, error or debug text.

mod address;
mod backoff;
mod batch;
mod consumer;
mod depth;
mod health;
mod lane;
mod link;
mod message;
mod options;
mod publisher;
mod queue;
mod receipt;
mod topology;
mod unsettled;

pub use address::UrlError;
pub use depth::QueueDepth;
pub use health::AmqpStatus;
pub use options::{AmqpHandler, AmqpOptions, OptionsError};
pub use queue::AmqpQueue;
