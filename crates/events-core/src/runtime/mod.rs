//! What moves events along: publisher, emitter, router and workers, put together by the engine.
//!
//! ```text
//! emit ─► Emitter ─► Publisher ─► [store] ─► Router ─► [store] ─► Worker ─► handler ─► [store]
//! ```
//!
//! Every arrow into the store is one batched call. Wake-ups travel beside the data, within
//! the process or through a queue; a poll about once a second finds what a wake-up missed.

mod announcer;
mod commits;
mod counting;
mod emitter;
mod engine;
mod global;
mod maintenance;
mod openings;
mod pause;
mod publisher;
mod replaying;
mod router;
mod routes;
#[cfg(test)]
mod tests;
mod wake;
mod worker;

pub use announcer::Waker;
pub use emitter::{EmitCounts, Emitter};
pub use engine::{Engine, EngineBuilder, EngineOptions};
pub use global::{AlreadyInstalled, emit, install, install_with};
pub use maintenance::Retention;
pub use publisher::{PublishError, Published, Publisher, PublisherOptions};
pub use replaying::{failed_letters, part_of_log};
