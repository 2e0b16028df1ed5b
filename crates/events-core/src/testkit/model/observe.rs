//! What can be seen of both stores between operations: all of it has to be the same.

use super::{
    op::HANDLERS,
    world::{World, both},
};
use crate::{
    event::Seq,
    ports::{DeadLetterQuery, DeliveryQuery, PageRequest, TimelineQuery},
};

/// More rows than a walk makes.
const ALL: PageRequest = PageRequest { limit: 10_000, offset: 0, cursor: None };

impl World {
    /// Looks at everything; answers the first difference.
    pub(super) async fn observe(&self) -> Result<(), String> {
        both!(self, history.scan(Seq::START, ALL.limit));
        both!(self, store.unrouted(ALL.limit));
        both!(self, history.timeline(TimelineQuery { page: ALL, ..TimelineQuery::default() }));
        let listed = both!(self, history.deliveries(DeliveryQuery { page: ALL, ..DeliveryQuery::default() }));
        for record in listed.items {
            both!(self, history.attempts(record.delivery_id));
        }
        both!(self, history.dead_letters(DeadLetterQuery { page: ALL, ..DeadLetterQuery::default() }));
        both!(self, history.depth(self.now));
        both!(self, targets.troubled(self.now));
        for handler in HANDLERS {
            both!(self, store.next_due(&handler.into()));
        }
        self.observe_statistics().await?;
        self.observe_subscriptions().await
    }
}
