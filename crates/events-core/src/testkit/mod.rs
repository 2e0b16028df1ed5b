//! For tests: time that moves by hand, memory adapters, fakes, and the contract of every port.
//!
//! A new store proves itself with a test file of ten lines: a function that makes a [`Fixture`]
//! [`store_contract!`](crate::store_contract), which brings one test per promise of the ports, and
//! [`store_model!`](crate::store_model), which compares it with the memory store over random walks.

mod claims;
pub mod contract;
mod events;
mod fixture;
mod manual_clock;
mod model;
mod paused_clock;
pub mod queue_contract;
mod recording_handler;
mod sequential_ids;
mod settlements;
mod subscriptions;

pub use claims::{ClaimBuilder, claim};
pub use events::{EventBuilder, at, delivery, event};
pub use fixture::Fixture;
pub use manual_clock::ManualClock;
pub use model::{Walks, check_model};
pub use paused_clock::PausedClock;
pub use queue_contract::QueueFixture;
pub use recording_handler::RecordingHandler;
pub use sequential_ids::SequentialIds;
pub use settlements::{affecting, dead, done, dropped, handed_back, retry};
pub use subscriptions::{SubscriptionBuilder, secret, subscription};

pub use crate::memory::{MemoryQueue, MemoryStore};
