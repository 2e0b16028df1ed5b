//! An event before it is published: what the application says, without what the publisher adds.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Event,
    event_type::EventType,
    ids::EventId,
    limits::{InvalidEvent, Limits},
    metadata::Metadata,
    payload::Payload,
};
use crate::ports::{Clock, IdGenerator};

/// What an application says happened (R195).
///
/// ```
/// use events_core::{NewEvent, types};
/// use serde_json::json;
///
/// let event = NewEvent::new(types::USER_SIGNUP, json!({ "email": "alice@example.com" }))
///     .actor("user_abc123", "user")
///     .organization("org_1");
/// # let _ = event;
/// ```
///
/// Building one never fails and never panics; a fault, such as a payload that is no
/// object, is reported when the event is published.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub(super) event_type: EventType,
    pub(super) payload: Result<Payload, InvalidEvent>,
    pub(super) event_id: Option<EventId>,
    pub(super) event_version: Option<String>,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) actor: Option<String>,
    pub(super) actor_type: Option<String>,
    pub(super) organization_id: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) idempotency_key: Option<String>,
}

impl NewEvent {
    /// An event of a type with a payload: anything that serializes to a JSON object.
    #[must_use]
    pub fn new(event_type: EventType, payload: impl Serialize) -> Self {
        Self::with_payload(event_type, Payload::from_value(&payload))
    }

    pub(super) fn with_payload(event_type: EventType, payload: Result<Payload, InvalidEvent>) -> Self {
        Self {
            event_type,
            payload,
            event_id: None,
            event_version: None,
            occurred_at: None,
            actor: None,
            actor_type: None,
            organization_id: None,
            metadata: Metadata::default(),
            idempotency_key: None,
        }
    }

    /// Who acted, and what kind of actor that is: `("user_abc123", "user")`.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>, actor_type: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self.actor_type = Some(actor_type.into());
        self
    }

    /// The tenant the event belongs to.
    #[must_use]
    pub fn organization(mut self, organization_id: impl Into<String>) -> Self {
        self.organization_id = Some(organization_id.into());
        self
    }

    /// Where the event comes from; see [`Metadata::from_headers`].
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// When it happened, if that is not now.
    #[must_use]
    pub fn occurred_at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// When it happened, unless that was said before.
    #[must_use]
    pub fn occurred_at_or(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at.get_or_insert(occurred_at);
        self
    }

    /// Schema version of the payload, if it is not `1.0.0`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.event_version = Some(version.into());
        self
    }

    /// Publishing again with the same key (within the organization, for 7 days) stores nothing new.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Chooses the event's id, which works like an idempotency key that is kept for ever.
    #[must_use]
    pub fn id(mut self, event_id: EventId) -> Self {
        self.event_id = Some(event_id);
        self
    }

    /// The tenant, where one was given.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        self.organization_id.as_deref()
    }

    /// The type as given.
    #[must_use]
    pub fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// Where the event comes from, to be completed by an edge that knows more.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Names this event as caused by `cause`, one step further down the chain.
    #[must_use]
    pub fn caused_by(mut self, cause: &Event) -> Self {
        self.metadata.causation_id = Some(cause.event_id);
        self.metadata.causation_depth = cause.metadata.causation_depth.saturating_add(1);
        self
    }

    /// Fills in what the application left out (R196) and holds the event to the limits.
    ///
    /// `origin` supplies the source and the environment where the event names none.
    ///
    /// # Errors
    /// [`InvalidEvent`], which names the field, the fault and the remedy.
    pub fn into_event(
        self,
        origin: &Metadata,
        limits: &Limits,
        ids: &dyn IdGenerator,
        clock: &dyn Clock,
    ) -> Result<Event, InvalidEvent> {
        let now = clock.now();
        let mut metadata = self.metadata;
        if metadata.source.is_empty() {
            metadata.source.clone_from(&origin.source);
        }
        if metadata.environment.is_empty() {
            metadata.environment.clone_from(&origin.environment);
        }
        let payload = self.payload?;
        payload.check(limits)?;
        metadata.check(limits)?;
        limits.check_name("actor", self.actor.as_deref())?;
        limits.check_name("actor_type", self.actor_type.as_deref())?;
        limits.check_name("organization_id", self.organization_id.as_deref())?;
        limits.check_name("idempotency_key", self.idempotency_key.as_deref())?;
        Ok(Event {
            event_id: self.event_id.unwrap_or_else(|| ids.event_id()),
            event_type: self.event_type,
            event_version: check_version(self.event_version)?,
            occurred_at: crate::ports::to_micros(self.occurred_at.unwrap_or(now)),
            created_at: now,
            actor: self.actor,
            actor_type: self.actor_type,
            organization_id: self.organization_id,
            payload,
            metadata,
            idempotency_key: self.idempotency_key,
        })
    }
}

/// `major.minor.patch`, at most 20 characters (R166); `1.0.0` when absent.
fn check_version(version: Option<String>) -> Result<String, InvalidEvent> {
    let Some(version) = version else { return Ok("1.0.0".to_owned()) };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if version.len() <= 20 && version.split('.').count() == 3 && version.split('.').all(is_number) {
        Ok(version)
    } else {
        let shown: String = version.chars().take(40).collect();
        Err(InvalidEvent::new(
            "event_version",
            format!("must look like 1.0.0 (at most 20 characters), but is {shown:?}"),
        ))
    }
}
