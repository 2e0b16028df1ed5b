//! Who leads which task.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::{
    delivery::later,
    ports::{Leadership, StoreError},
};

/// Who leads a task, and until when.
#[derive(Debug)]
pub(super) struct Term {
    leader: String,
    until: Timestamp,
}

#[async_trait]
impl Leadership for MemoryStore {
    async fn lead(&self, task: &str, candidate: &str, term: Duration, now: Timestamp) -> Result<bool, StoreError> {
        let terms = &mut self.state().terms;
        let leads = terms.get(task).is_none_or(|term| term.leader == candidate || term.until <= now);
        if leads {
            terms.insert(task.to_owned(), Term { leader: candidate.to_owned(), until: later(now, term) });
        }
        Ok(leads)
    }

    async fn resign(&self, task: &str, candidate: &str) -> Result<(), StoreError> {
        self.state().terms.retain(|led, term| led != task || term.leader != candidate);
        Ok(())
    }
}
