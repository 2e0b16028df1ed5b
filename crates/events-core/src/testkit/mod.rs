//! For tests: time that moves by hand, memory adapters, fakes, and the contract of every port.

mod manual_clock;

pub use manual_clock::ManualClock;

pub use crate::memory::MemoryStore;
