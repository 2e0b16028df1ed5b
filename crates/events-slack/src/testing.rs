//! Events for unit tests.

use events_core::Event;
use serde::Serialize;
use serde_json::json;

/// An event of a type with a payload, from the start of 2026.
pub(crate) fn event_with(event_type: &str, payload: impl Serialize) -> Event {
    let start = "2026-01-01T00:00:00Z";
    let payload = serde_json::to_string(&payload).unwrap();
    let envelope = json!({
        "event_id": "0198c5f1-7a3e-7c52-9d6e-0a1b2c3d4e5f", "event_type": event_type, "event_version": "1.0.0",
        "occurred_at": start, "created_at": start, "payload": {}, "metadata": { "source": "test" },
    });
    let mut event: Event = serde_json::from_str(&envelope.to_string()).unwrap();
    event.payload = serde_json::from_str(&payload).unwrap();
    event
}
