//! Events and deliveries for tests, told in one line each.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ManualClock;
use crate::{
    delivery::{HandlerName, Target},
    event::{Event, EventId, EventType, Metadata, Payload},
    ports::{Clock, IdGenerator, NewDelivery, RandomIds},
};

/// This many seconds after the start of [`ManualClock`].
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    ManualClock::new().now() + SignedDuration::from_secs(seconds)
}

/// An event of this type, with a fresh id, recorded at the start of [`ManualClock`].
///
/// # Panics
/// When the type breaks the grammar.
#[must_use]
pub fn event(event_type: &str) -> EventBuilder {
    EventBuilder(Event {
        event_id: RandomIds.event_id(),
        event_type: EventType::parse(event_type).expect("tests name valid event types"),
        event_version: "1.0.0".to_owned(),
        occurred_at: at(0),
        created_at: at(0),
        actor: None,
        actor_type: None,
        organization_id: None,
        payload: Payload::empty(),
        metadata: Metadata { source: "test".to_owned(), environment: "test".to_owned(), ..Metadata::default() },
        idempotency_key: None,
    })
}

/// An event in the making.
#[derive(Clone, Debug)]
pub struct EventBuilder(Event);

impl EventBuilder {
    /// With this id.
    #[must_use]
    pub fn id(mut self, event_id: EventId) -> Self {
        self.0.event_id = event_id;
        self
    }

    /// Of this organization.
    #[must_use]
    pub fn organization(mut self, organization_id: &str) -> Self {
        self.0.organization_id = Some(organization_id.to_owned());
        self
    }

    /// By this user.
    #[must_use]
    pub fn actor(mut self, actor: &str) -> Self {
        self.0.actor = Some(actor.to_owned());
        self.0.actor_type = Some("user".to_owned());
        self
    }

    /// With this payload.
    ///
    /// # Panics
    /// When `payload` is no JSON object.
    #[must_use]
    pub fn payload(mut self, payload: impl Serialize) -> Self {
        self.0.payload = Payload::from_value(&payload).expect("tests give objects as payload");
        self
    }

    /// With this idempotency key.
    #[must_use]
    pub fn idempotency_key(mut self, key: &str) -> Self {
        self.0.idempotency_key = Some(key.to_owned());
        self
    }

    /// Recorded at this time.
    #[must_use]
    pub fn created_at(mut self, created_at: Timestamp) -> Self {
        self.0.created_at = created_at;
        self
    }

    /// The event.
    #[must_use]
    pub fn build(self) -> Arc<Event> {
        Arc::new(self.0)
    }
}

/// A delivery to be made, due at the start of [`ManualClock`].
#[must_use]
pub fn delivery(handler: &str, target: &str) -> NewDelivery {
    NewDelivery {
        handler: HandlerName::from(handler),
        target: Target::from(target),
        due_at: at(0),
        cancel_key: None,
        guard: None,
    }
}
