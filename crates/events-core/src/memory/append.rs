//! Storing events, each once.

use std::sync::Arc;

use super::state::State;
use crate::{
    event::{Event, Seq, StoredEvent},
    ports::{Appended, Unrouted},
};

impl State {
    pub(super) fn append(&mut self, events: Vec<Arc<Event>>) -> Vec<Appended> {
        events.into_iter().map(|event| self.append_one(event)).collect()
    }

    fn append_one(&mut self, event: Arc<Event>) -> Appended {
        if let Some(seq) = self.first_of(&event) {
            let first = self.event_at(seq);
            return if first.same_content(&event) {
                Appended::Existing(Arc::clone(first))
            } else {
                Appended::Conflict(first.event_id)
            };
        }
        let seq = self.events.last_key_value().map_or(Seq(1), |(last, _)| Seq(last.0 + 1));
        self.event_ids.insert(event.event_id, seq);
        if let Some(key) = &event.idempotency_key {
            self.event_keys.insert((event.organization_id.clone(), key.clone()), seq);
        }
        self.outbox.insert(seq);
        self.events.insert(seq, event);
        Appended::Stored
    }

    /// The event that was stored under the same id, or else under the same key.
    fn first_of(&self, event: &Event) -> Option<Seq> {
        let same_key = || {
            let key = event.idempotency_key.clone()?;
            self.event_keys.get(&(event.organization_id.clone(), key))
        };
        self.event_ids.get(&event.event_id).or_else(same_key).copied()
    }

    pub(super) fn unrouted(&self, limit: usize) -> Unrouted {
        let stored = |seq: &Seq| StoredEvent { seq: *seq, event: Arc::clone(self.event_at(*seq)) };
        Unrouted { events: self.outbox.iter().take(limit).map(stored).collect(), routes: self.webhooks.version }
    }
}
