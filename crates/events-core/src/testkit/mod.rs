//! For tests: time that moves by hand, memory adapters, fakes, and the contract of every port.
//!
//! A new store proves itself with a test file of ten lines: a function that makes a [`Fixture`]
//! and [`store_contract!`](crate::store_contract), which brings one test per promise of the ports.

mod claims;
pub mod contract;
mod events;
mod fixture;
mod manual_clock;
mod settlements;

pub use claims::{ClaimBuilder, claim};
pub use events::{EventBuilder, at, delivery, event};
pub use fixture::Fixture;
pub use manual_clock::ManualClock;
pub use settlements::{affecting, dead, done, dropped, handed_back, retry};

pub use crate::memory::MemoryStore;
