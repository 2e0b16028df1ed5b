//! Statistics: how many events were published, how deliveries did, and how long calls took.
//!
//! Attempts and events are counted once, in steps, into rows by day ([`Counts`], kept by a
//! [`Statistics`](crate::ports::Statistics) store). A reader adds what was not counted yet ([`read`]), so an event
//! that was published a moment ago is in the answer. See docs/decisions/0025-statistics-are-counted-in-steps.md.

mod counts;
mod day;
mod latencies;
mod reading;
mod tally;

pub use counts::{AttemptGroup, Counts, EventGroup, Scope};
pub use day::Day;
pub use latencies::Latencies;
pub use reading::{Report, read};
pub use tally::Tally;
