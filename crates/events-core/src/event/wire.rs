//! Reading a new event from JSON: both spellings of every name, and errors that name the field.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    event_type::EventType,
    limits::InvalidEvent,
    metadata::Metadata,
    new_event::NewEvent,
    payload::{Payload, kind_of},
};

/// Canonical name, and the spellings of other systems that mean the same (C20, C21, C36).
const FIELDS: [(&str, &[&str]); 10] = [
    ("event_type", &["eventType", "type"]),
    ("payload", &["data"]),
    ("event_id", &["eventId", "id"]),
    ("event_version", &["eventVersion"]),
    ("occurred_at", &["occurredAt", "timestamp"]),
    ("actor", &["actorId", "actor_id", "userId", "user_id"]),
    ("actor_type", &["actorType"]),
    ("organization_id", &["organizationId", "tenant_id", "tenantId"]),
    ("metadata", &[]),
    ("idempotency_key", &["idempotencyKey"]),
];

/// The members of a JSON object in their order, values unparsed.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an event, which is a JSON object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visitor).map(Self)
    }
}

impl NewEvent {
    /// Reads one event from JSON as it arrives over HTTP.
    ///
    /// # Errors
    /// [`InvalidEvent`] that names the field: unknown, given twice under two spellings,
    /// of the wrong kind, or missing.
    pub fn from_json(json: &str) -> Result<Self, InvalidEvent> {
        let members: Members<'_> = serde_json::from_str(json).map_err(|error| {
            if error.is_data() {
                InvalidEvent::new("event", format!("must be a JSON object, but is {}", kind_of(json)))
            } else {
                InvalidEvent::new("event", format!("is not valid JSON: {error}"))
            }
        })?;
        let fields = Fields::sort(members)?;

        let event_type: String = fields.text("event_type")?.ok_or_else(|| {
            InvalidEvent::new("event_type", "is missing; name what happened, for example \"user.signup\"")
        })?;
        let event_type = EventType::parse(&event_type)
            .map_err(|error| InvalidEvent::new("event_type", format!("is refused: {error}")))?;
        let payload = match fields.raw("payload") {
            Some((_, raw)) => Payload::from_raw(raw.to_owned())?,
            None => {
                return Err(InvalidEvent::new(
                    "payload",
                    "is missing; send a JSON object, {} when there is nothing to say",
                ));
            }
        };

        let mut event = NewEvent::with_payload(event_type, Ok(payload));
        event.event_id = fields.value("event_id", "a UUID such as \"0198c5f1-7a3e-7c52-9d6e-0a1b2c3d4e5f\"")?;
        event.event_version = fields.text("event_version")?;
        event.occurred_at =
            fields.value("occurred_at", "an RFC 3339 time with zone such as \"2026-01-31T09:30:00Z\"")?;
        event.actor = fields.text("actor")?;
        event.actor_type = fields.text("actor_type")?;
        if event.actor_type.is_none() && fields.raw("actor").is_some_and(|(name, _)| name.starts_with("user")) {
            event.actor_type = Some("user".to_owned());
        }
        event.organization_id = fields.text("organization_id")?;
        event.idempotency_key = fields.text("idempotency_key")?;
        event.metadata = fields.metadata()?;
        Ok(event)
    }
}

/// The members of an event under their canonical names, with the spelling that was used.
struct Fields<'a>([Option<(String, &'a RawValue)>; FIELDS.len()]);

impl<'a> Fields<'a> {
    fn sort(members: Members<'a>) -> Result<Self, InvalidEvent> {
        let mut sorted: [Option<(String, &'a RawValue)>; FIELDS.len()] = Default::default();
        for (name, raw) in members.0 {
            let Some(at) =
                FIELDS.iter().position(|(canonical, others)| name == *canonical || others.contains(&name.as_str()))
            else {
                let shown: String = name.chars().take(60).collect();
                let allowed = FIELDS.map(|(canonical, _)| canonical).join(", ");
                return Err(InvalidEvent::new(shown, format!("is not a field of an event; the fields are {allowed}")));
            };
            if let Some((first, _)) = &sorted[at] {
                let problem = format!("is given twice, as `{first}` and as `{name}`; send it once");
                return Err(InvalidEvent::new(FIELDS[at].0, problem));
            }
            sorted[at] = Some((name, raw));
        }
        Ok(Self(sorted))
    }

    /// The spelling used and the value; `null` counts as absent.
    fn raw(&self, field: &str) -> Option<(&str, &'a RawValue)> {
        let at = FIELDS.iter().position(|(canonical, _)| *canonical == field)?;
        self.0[at].as_ref().filter(|(_, raw)| raw.get() != "null").map(|(name, raw)| (name.as_str(), *raw))
    }

    fn text(&self, field: &str) -> Result<Option<String>, InvalidEvent> {
        self.value(field, "a string")
    }

    fn value<T: DeserializeOwned>(&self, field: &str, expected: &str) -> Result<Option<T>, InvalidEvent> {
        let Some((_, raw)) = self.raw(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| {
            let shown: String = raw.get().chars().take(60).collect();
            InvalidEvent::new(field, format!("must be {expected}, but is {shown}"))
        })
    }

    fn metadata(&self) -> Result<Metadata, InvalidEvent> {
        let Some((_, raw)) = self.raw("metadata") else { return Ok(Metadata::default()) };
        serde_json::from_str(raw.get()).map_err(|error| {
            let text = error.to_string();
            let cause = text.split(" at line ").next().unwrap_or_default();
            InvalidEvent::new("metadata", format!("is refused: {cause}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str) -> String {
        NewEvent::from_json(json).unwrap_err().to_string()
    }

    /// C20, C21, C36
    #[test]
    fn the_source_documents_spellings_mean_the_same() {
        let event = NewEvent::from_json(
            r#"{"eventType":"user.signed_up","userId":"u1","tenantId":"t1","timestamp":"2026-01-31T09:30:00Z",
                "data":{"b":1,"a":2},"metadata":{"source":"api","ipAddress":"::1"}}"#,
        )
        .unwrap();
        assert_eq!(event.event_type.as_str(), "user.signed_up");
        assert_eq!((event.actor.as_deref(), event.actor_type.as_deref()), (Some("u1"), Some("user")));
        assert_eq!(event.organization_id.as_deref(), Some("t1"));
        assert_eq!(event.payload.unwrap().as_str(), r#"{"b":1,"a":2}"#, "key order stays");
        assert_eq!(event.metadata.ip_address.as_deref(), Some("::1"));
    }

    #[test]
    fn an_error_names_the_field_the_fault_and_the_remedy() {
        assert_eq!(
            problem(r#"{"event_type":"a.b","payload":{},"organisation":"x"}"#),
            "organisation is not a field of an event; the fields are event_type, payload, event_id, event_version, \
             occurred_at, actor, actor_type, organization_id, metadata, idempotency_key"
        );
        assert!(problem(r#"{"event_type":"a.b","payload":[1]}"#).starts_with("payload must be a JSON object"));
        assert!(problem(r#"{"event_type":"a.b"}"#).starts_with("payload is missing"));
        assert!(problem(r#"{"payload":{}}"#).starts_with("event_type is missing"));
        assert!(
            problem(r#"{"event_type":"A b","payload":{}}"#)
                .starts_with("event_type is refused: `A b` is not an event type")
        );
        assert!(problem(r#"{"event_type":7,"payload":{}}"#).starts_with("event_type must be a string, but is 7"));
        assert!(
            problem(r#"{"type":"a.b","eventType":"a.c","payload":{}}"#)
                .contains("given twice, as `type` and as `eventType`")
        );
        assert!(
            problem(r#"{"event_type":"a.b","payload":{},"occurred_at":"yesterday"}"#)
                .starts_with("occurred_at must be an RFC 3339")
        );
        assert!(problem(r#"{"event_type":"a.b","payload":{},"event_id":"7"}"#).starts_with("event_id must be a UUID"));
        assert!(
            problem(r#"{"event_type":"a.b","payload":{},"metadata":{"sauce":1}}"#)
                .contains("unknown field `sauce`, expected one of")
        );
        assert!(problem("[]").starts_with("event must be a JSON object, but is an array"));
        assert!(problem("{\"event_type\":").starts_with("event is not valid JSON"));
    }
}
