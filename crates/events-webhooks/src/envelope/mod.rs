//! What an event looks like on its way: a body and the headers that belong to it.

mod cloud_events;
mod standard;

use bytes::Bytes;
pub use events_core::webhooks::Format;
use events_core::{Event, EventId};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

/// A body and the headers that belong to it; the content type among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Envelope {
    /// The event in this format.
    ///
    /// The payload is exactly what was published, byte for byte. Actor and metadata stay inside: they hold addresses and
    /// programs of people, and whoever wants them told puts them into the payload.
    ///
    /// # Errors
    /// When the payload cannot be written again, which a stored event's can.
    pub fn of(event: &Event, format: Format) -> Result<Self, serde_json::Error> {
        match format {
            Format::Standard => standard::envelope(event),
            Format::CloudEventsStructured => cloud_events::structured(event),
            Format::CloudEventsBinary => Ok(cloud_events::binary(event)),
        }
    }

    /// A JSON body of any other kind, such as a challenge.
    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", body)
    }

    fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(content_type))].into_iter().collect();
        Self { headers, body: body.into() }
    }
}

/// The `webhook-id` of an event, `evt_` and its id: the same for every attempt, every resending and every endpoint, so
/// that a receiver who keeps the ids he has seen handles an event once.
#[must_use]
pub fn message_id(event_id: EventId) -> String {
    format!("evt_{event_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_message_is_that_of_the_event_and_has_no_full_stop() {
        let id: EventId = "01a1fc27-587b-76cb-95c0-e8734249e38e".parse().unwrap();
        assert_eq!(message_id(id), "evt_01a1fc27-587b-76cb-95c0-e8734249e38e");
    }
}
