//! Steps that promises are told in; a store that fails in between is no match for any of them.

use std::{fmt::Display, sync::Arc};

use crate::{
    delivery::{Delivery, DeliveryId, Settlement},
    event::{Event, EventId, StoredEvent},
    ports::{
        Appended, AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Depth, EventDetail,
        NewDelivery, PageRequest, RedriveFilter, RouteSummary, RoutedEvent, StoreError, TimelineQuery,
    },
    testkit::{ClaimBuilder, EventBuilder, Fixture, at, delivery, event},
};

/// More rows than any promise makes.
pub(super) const ALL: PageRequest = PageRequest { limit: 1_000, offset: 0, cursor: None };

pub(super) fn works<T>(answer: Result<T, StoreError>) -> T {
    answer.expect("the store under test works")
}

/// Names as they are, for comparing lists.
pub(super) fn names<T: Display>(things: impl IntoIterator<Item = T>) -> Vec<String> {
    things.into_iter().map(|thing| thing.to_string()).collect()
}

pub(super) fn ids(deliveries: &[Delivery]) -> Vec<DeliveryId> {
    deliveries.iter().map(|delivery| delivery.delivery_id).collect()
}

/// Everything that lies in the dead letters.
pub(super) fn all_dead() -> RedriveFilter {
    RedriveFilter { limit: 1_000, ..RedriveFilter::default() }
}

/// What routing makes of one event.
pub(super) fn plan_for(event: &StoredEvent, deliveries: Vec<NewDelivery>, cancellations: &[&str]) -> RoutedEvent {
    RoutedEvent { seq: event.seq, deliveries, cancellations: names(cancellations) }
}

impl Fixture {
    pub(super) async fn append(&self, event: EventBuilder) -> Appended {
        self.append_all(vec![event.build()]).await.remove(0)
    }

    pub(super) async fn append_all(&self, events: Vec<Arc<Event>>) -> Vec<Appended> {
        works(self.store.append(events).await)
    }

    /// Stores a new event.
    pub(super) async fn stored(&self, event: EventBuilder) -> StoredEvent {
        let event = event.build();
        assert_eq!(self.append_all(vec![Arc::clone(&event)]).await, [Appended::Stored]);
        StoredEvent { seq: self.detail(event.event_id).await.seq, event }
    }

    pub(super) async fn route(&self, routed: Vec<RoutedEvent>) -> RouteSummary {
        works(self.store.route(routed, at(0)).await)
    }

    /// Stores a new event and makes these deliveries.
    pub(super) async fn routed(&self, event: EventBuilder, deliveries: Vec<NewDelivery>) -> StoredEvent {
        let stored = self.stored(event).await;
        self.route(vec![plan_for(&stored, deliveries, &[])]).await;
        stored
    }

    /// One event with one delivery, due at the start.
    pub(super) async fn sent(&self, handler: &str, target: &str) -> StoredEvent {
        self.routed(event("user.signup"), vec![delivery(handler, target)]).await
    }

    pub(super) async fn claimed(&self, claim: ClaimBuilder) -> Vec<Delivery> {
        works(self.store.claim(claim.build()).await)
    }

    /// Claims what must be exactly one delivery.
    pub(super) async fn claimed_one(&self, claim: ClaimBuilder) -> Delivery {
        let mut claimed = self.claimed(claim).await;
        assert_eq!(claimed.len(), 1, "one delivery is to be claimed: {claimed:?}");
        claimed.remove(0)
    }

    /// Settles under a lease that is held.
    pub(super) async fn settled(&self, settlement: Settlement) {
        let summary = works(self.store.settle(vec![settlement]).await);
        assert_eq!((summary.settled, summary.fenced), (1, vec![]), "the lease is held");
    }

    /// Settles under a lease that is not held.
    pub(super) async fn fenced(&self, settlement: Settlement) {
        let delivery_id = settlement.delivery_id;
        let summary = works(self.store.settle(vec![settlement]).await);
        assert_eq!((summary.settled, summary.fenced), (0, vec![delivery_id]), "the lease is not held");
    }

    pub(super) async fn detail(&self, event_id: EventId) -> EventDetail {
        works(self.history.event(event_id, None).await).expect("the event is stored")
    }

    pub(super) async fn timeline(&self, query: TimelineQuery) -> Vec<EventId> {
        let page = works(self.history.timeline(TimelineQuery { page: ALL, ..query }).await);
        page.items.into_iter().map(|detail| detail.event.event_id).collect()
    }

    pub(super) async fn listed(&self, query: DeliveryQuery) -> Vec<DeliveryRecord> {
        works(self.history.deliveries(DeliveryQuery { page: ALL, ..query }).await).items
    }

    /// The one delivery of this event.
    pub(super) async fn delivery_of(&self, event: &StoredEvent) -> DeliveryRecord {
        let query = DeliveryQuery { event_id: Some(event.event.event_id), ..DeliveryQuery::default() };
        let mut records = self.listed(query).await;
        assert_eq!(records.len(), 1, "the event has one delivery: {records:?}");
        records.remove(0)
    }

    /// One of the deliveries of this event.
    pub(super) async fn listed_one(&self, delivery_id: DeliveryId, event: &StoredEvent) -> DeliveryRecord {
        let query = DeliveryQuery { event_id: Some(event.event.event_id), ..DeliveryQuery::default() };
        let records = self.listed(query).await;
        records.into_iter().find(|record| record.delivery_id == delivery_id).expect("the delivery is listed")
    }

    pub(super) async fn attempts(&self, delivery_id: DeliveryId) -> Vec<AttemptRecord> {
        works(self.history.attempts(delivery_id).await)
    }

    pub(super) async fn dead_letters(&self) -> Vec<DeadLetter> {
        works(self.history.dead_letters(DeadLetterQuery { page: ALL, ..DeadLetterQuery::default() }).await).items
    }

    pub(super) async fn depth(&self, seconds: i64) -> Depth {
        works(self.history.depth(at(seconds)).await)
    }
}
