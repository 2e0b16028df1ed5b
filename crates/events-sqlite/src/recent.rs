//! The events that were read last: what the router has just seen, a worker claims next.
//!
//! Events never change, so what is remembered is always true.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use events_core::{Seq, StoredEvent};

/// Events remembered at most: two batches of the router.
const EVENTS: usize = 1_024;
/// Their payloads together at most, in bytes.
const BYTES: usize = 1024 * 1024;

/// Remembers events by their place in the log; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    events: BTreeMap<Seq, StoredEvent>,
    bytes: usize,
}

impl Recent {
    /// Remembers these.
    pub(crate) fn keep(&self, events: &[StoredEvent]) {
        let mut remembered = self.remembered();
        for event in events {
            remembered.bytes += weight(event);
            if let Some(before) = remembered.events.insert(event.seq, event.clone()) {
                remembered.bytes -= weight(&before);
            }
        }
        while (remembered.events.len() > EVENTS || remembered.bytes > BYTES)
            && let Some((_, oldest)) = remembered.events.pop_first()
        {
            remembered.bytes -= weight(&oldest);
        }
    }

    /// Those of `seqs` that are remembered.
    pub(crate) fn at(&self, seqs: impl Iterator<Item = Seq>) -> Vec<StoredEvent> {
        let remembered = self.remembered();
        seqs.filter_map(|seq| remembered.events.get(&seq).cloned()).collect()
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(stored: &StoredEvent) -> usize {
    stored.event.payload.as_str().len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use events_core::testkit::event;
    use serde_json::json;

    use super::*;

    fn stored(seq: i64, bytes: usize) -> StoredEvent {
        let event = event("user.signup").payload(json!({ "text": "x".repeat(bytes) })).build();
        StoredEvent { seq: Seq(seq), event: Arc::clone(&event) }
    }

    fn seqs(recent: &Recent, among: std::ops::Range<i64>) -> Vec<i64> {
        recent.at(among.map(Seq)).iter().map(|stored| stored.seq.0).collect()
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() {
        let recent = Recent::default();
        recent.keep(&(0..1_000).map(|seq| stored(seq, 1)).collect::<Vec<_>>());
        recent.keep(&(1_000..1_034).map(|seq| stored(seq, 1)).collect::<Vec<_>>());
        assert_eq!(seqs(&recent, 0..2_000), (10..1_034).collect::<Vec<_>>());
    }

    #[test]
    fn the_oldest_go_first_when_they_are_too_large() {
        let recent = Recent::default();
        for seq in 0..10 {
            recent.keep(&[stored(seq, 300_000), stored(seq, 300_000)]);
        }
        assert_eq!(seqs(&recent, 0..10), [7, 8, 9]);
    }
}
