//! Time and ids as ports, so that tests move time by hand and choose ids.

use jiff::Timestamp;

use crate::event::EventId;

/// Tells the time, in whole microseconds, which is what every store keeps.
pub trait Clock: Send + Sync {
    /// The current time, UTC, cut to microseconds.
    fn now(&self) -> Timestamp;
}

/// Makes new event ids.
pub trait IdGenerator: Send + Sync {
    /// An id that was never given out before.
    fn event_id(&self) -> EventId;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        to_micros(Timestamp::now())
    }
}

/// UUIDv7: random, and sorted by time of creation.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    fn event_id(&self) -> EventId {
        EventId::from_uuid(uuid::Uuid::now_v7())
    }
}

/// Cuts nanoseconds off: a time read back from a store equals the time that was written.
pub(crate) fn to_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

const _: Option<(&dyn Clock, &dyn IdGenerator)> = None; // both are usable as trait objects
