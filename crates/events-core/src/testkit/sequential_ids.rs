//! Ids that count, so that a test can name them and a failure reads the same twice.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::{event::EventId, ports::IdGenerator};

/// Gives out `00000000-0000-7000-8000-000000000001`, then `…2`, and so on.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl SequentialIds {
    /// Ids from 1 on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The id that is given out as the `number`th.
    #[must_use]
    pub fn nth(number: u64) -> EventId {
        const VERSION_7: u128 = 0x7000_8000_0000_0000_0000;
        EventId::from_uuid(Uuid::from_u128(VERSION_7 | u128::from(number)))
    }
}

impl IdGenerator for SequentialIds {
    fn event_id(&self) -> EventId {
        Self::nth(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_from_one() {
        let ids = SequentialIds::new();
        assert_eq!(ids.event_id().to_string(), "00000000-0000-7000-8000-000000000001");
        assert_eq!(ids.event_id(), SequentialIds::nth(2));
    }
}
