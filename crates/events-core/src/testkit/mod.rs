//! For tests: time that moves by hand, memory adapters, fakes, and the contract of every port.

mod manual_clock;
mod paused_clock;

pub use manual_clock::ManualClock;
pub use paused_clock::PausedClock;

pub use crate::memory::MemoryStore;
