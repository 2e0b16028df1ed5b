//! The core of the event system: what an event is, who learns of it, and how that is made sure.
//!
//! An application says *what happened*, once, in one line that never blocks and never fails:
//!
//! ```no_run
//! use events_core::{NewEvent, types};
//! use serde_json::json;
//!
//! # let email = "alice@example.com";
//! events_core::emit(NewEvent::new(types::USER_SIGNUP, json!({ "email": email })));
//! ```
//!
//! Everyone who should know learns it from handlers that the application has never heard of.
//!
//! # The parts
//! - [`event`](Event) and [`catalog`](Catalog): facts, their names and their shapes.
//! - [`routing`]: who learns of an event, decided purely.
//! - [`delivery`]: one event for one handler at one target, its attempts and its retries.
//! - [`webhooks`]: the subscriptions of customers' endpoints.
//! - [`statistics`]: how many events, how deliveries did, how long calls took.
//! - [`ports`]: what the core asks of stores and handlers.
//! - `runtime` (feature): [`Publisher`], [`Emitter`], and the [`Engine`] that runs router and workers.
//! - `testkit` (feature): memory adapters, the manual clock and the contract suites.
//!
//! # Invariants
//! - The core knows no database, no broker and no HTTP. Without features it has no executor
//!   and does no input or output.
//! - Decisions are pure functions over data ([`routing::plan`], [`delivery::decide`],
//!   [`delivery::Pacing::take`]); the runtime only carries them out.

mod catalog;
pub mod delivery;
mod event;
pub mod ports;
pub mod routing;
pub mod statistics;

#[cfg(feature = "runtime")]
mod runtime;

#[cfg(feature = "testkit")]
mod memory;
#[cfg(feature = "testkit")]
pub mod testkit;

pub mod webhooks;

pub use catalog::{Catalog, CatalogEntry, CatalogError, Field, FieldType, Severity, types};
pub use delivery::{Delivery, DeliveryId, HandlerName, RetryPolicy, Target};
pub use event::{
    Event, EventId, EventType, InvalidEvent, InvalidEventType, InvalidPattern, Limits, Metadata, NewEvent, Pattern,
    Payload, Seq, StoredEvent,
};
pub use ports::{Clock, EventHandler, EventHistory, EventStore, HandlerError, IdGenerator, StoreError};
#[cfg(feature = "runtime")]
pub use runtime::{
    AlreadyInstalled, EmitCounts, Emitter, Engine, EngineBuilder, EngineOptions, PublishError, Published, Publisher,
    PublisherOptions, Retention, Waker, emit, failed_letters, install, install_with, part_of_log,
};
