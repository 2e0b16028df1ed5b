//! The format `standard`: `type`, `timestamp` and `data`, and what else a receiver can use.

use events_core::{Event, EventId, Payload};
use jiff::Timestamp;
use serde::Serialize;

use super::Envelope;

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    /// When it happened, RFC 3339 in UTC.
    timestamp: Timestamp,
    event_id: EventId,
    event_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
    data: &'a Payload,
}

pub(super) fn envelope(event: &Event) -> Result<Envelope, serde_json::Error> {
    let body = Body {
        r#type: event.event_type.as_str(),
        timestamp: event.occurred_at,
        event_id: event.event_id,
        event_version: &event.event_version,
        organization_id: event.organization_id.as_deref(),
        data: &event.payload,
    };
    Ok(Envelope::json(serde_json::to_vec(&body)?))
}

#[cfg(test)]
mod tests {
    use events_core::testkit;

    use super::*;

    #[test]
    fn the_payload_is_kept_byte_for_byte_beside_the_public_fields() {
        let payload = r#"{"z": 1.0, "a":  [1e2, "é\u00e9"], "n": 12345678901234567890123}"#;
        let mut event = Event::clone(&testkit::event("invoice.created").build());
        event.payload = Payload::from_json(payload).unwrap();
        event.organization_id = Some("org_1".into());
        event.actor = Some("alice@example.com".into());
        event.metadata.ip_address = Some("192.0.2.7".into());
        let envelope = envelope(&event).unwrap();
        let expected = format!(
            r#"{{"type":"invoice.created","timestamp":"{}","event_id":"{}","event_version":"1.0.0","organization_id":"org_1","data":{payload}}}"#,
            event.occurred_at, event.event_id
        );
        assert_eq!(String::from_utf8(envelope.body.to_vec()).unwrap(), expected);
        assert_eq!(envelope.headers["content-type"], "application/json");
    }
}
