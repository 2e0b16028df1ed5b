//! Looking up the values of an event by name: in the payload first, then in the envelope.

use std::{borrow::Cow, collections::HashMap};

use events_core::{Event, Metadata};
use serde_json::value::RawValue;

/// The named values of one event.
///
/// The envelope's names are `actor`, `actor_type`, `organization_id`, `event_type`, `event_id`
/// (also in camel case), `occurred_at`, and `metadata.` with the names of [`Metadata`].
pub(crate) struct Fields<'e> {
    event: &'e Event,
    payload: Object<'e>,
}

type Object<'e> = HashMap<String, &'e RawValue>;

/// A value that was found. `null` counts as not found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'e> {
    Text(Cow<'e, str>),
    /// A number as it was written.
    Number(Cow<'e, str>),
    Boolean(bool),
    /// An array or an object, by its kind.
    Composite(&'static str),
}

impl Found<'_> {
    /// The kind of value, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Composite(kind) => kind,
        }
    }
}

/// Why a template cannot be filled: the rest of a sentence that begins with the template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FillError(String);

impl FillError {
    pub(crate) fn missing(name: &str) -> Self {
        Self(format!("needs the field `{name}`, which the payload does not have"))
    }

    pub(crate) fn unshowable(name: &str, kind: &str) -> Self {
        Self(format!("cannot show the field `{name}`, which is {kind}"))
    }

    pub(crate) fn not_a_number(name: &str, kind: &str) -> Self {
        Self(format!("needs a number in the field `{name}`, which is {kind}"))
    }
}

impl<'e> Fields<'e> {
    /// The values of `event`.
    pub(crate) fn of(event: &'e Event) -> Self {
        Self { event, payload: object(event.payload.as_str()).unwrap_or_default() }
    }

    /// The value at a dotted path.
    pub(crate) fn get(&self, path: &str) -> Option<Found<'e>> {
        self.in_payload(path).or_else(|| self.in_envelope(path))
    }

    fn in_payload(&self, path: &str) -> Option<Found<'e>> {
        let mut segments = path.split('.');
        let mut value = *self.payload.get(segments.next()?)?;
        for segment in segments {
            value = object(value.get())?.get(segment)?;
        }
        found(value)
    }

    fn in_envelope(&self, path: &str) -> Option<Found<'e>> {
        let event = self.event;
        let text = match path {
            "actor" => event.actor.as_deref()?.into(),
            "actor_type" | "actorType" => event.actor_type.as_deref()?.into(),
            "organization_id" | "organizationId" => event.organization_id.as_deref()?.into(),
            "event_type" | "eventType" => event.event_type.as_str().into(),
            "event_id" | "eventId" => event.event_id.to_string().into(),
            "occurred_at" => event.occurred_at.to_string().into(),
            _ => return in_metadata(&event.metadata, path.strip_prefix("metadata.")?),
        };
        Some(Found::Text(text))
    }
}

fn in_metadata<'e>(metadata: &'e Metadata, name: &str) -> Option<Found<'e>> {
    let text = match name {
        "ip_address" => metadata.ip_address.as_deref()?.into(),
        "user_agent" => metadata.user_agent.as_deref()?.into(),
        "request_id" => metadata.request_id.as_deref()?.into(),
        "source" => metadata.source.as_str().into(),
        "environment" => metadata.environment.as_str().into(),
        "trace_parent" => metadata.trace_parent.as_deref()?.into(),
        "causation_id" => metadata.causation_id?.to_string().into(),
        "causation_depth" => return Some(Found::Number(metadata.causation_depth.to_string().into())),
        _ => return None,
    };
    Some(Found::Text(text))
}

fn object(json: &str) -> Option<Object<'_>> {
    serde_json::from_str(json).ok()
}

fn found(raw: &RawValue) -> Option<Found<'_>> {
    let json = raw.get();
    match json.as_bytes().first()? {
        b'n' => None,
        b't' => Some(Found::Boolean(true)),
        b'f' => Some(Found::Boolean(false)),
        b'{' => Some(Found::Composite("an object")),
        b'[' => Some(Found::Composite("an array")),
        b'"' => serde_json::from_str::<String>(json).ok().map(|text| Found::Text(text.into())),
        _ => Some(Found::Number(json.into())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::event_with;

    fn text(value: &str) -> Option<Found<'_>> {
        Some(Found::Text(value.into()))
    }

    #[test]
    fn the_payload_comes_before_the_envelope() {
        let mut event = event_with("user.signup", json!({ "actor": "from payload", "organizationId": null }));
        event.actor = Some("from envelope".into());
        event.organization_id = Some("org_1".into());
        let fields = Fields::of(&event);
        assert_eq!(fields.get("actor"), text("from payload"));
        assert_eq!(fields.get("organizationId"), text("org_1"), "null counts as absent");
    }

    #[test]
    fn the_envelope_is_known_by_both_spellings() {
        let mut event = event_with("user.signup", json!({}));
        event.actor = Some("u1".into());
        event.actor_type = Some("user".into());
        event.organization_id = Some("org_1".into());
        event.metadata.request_id = Some("r1".into());
        event.metadata.causation_depth = 2;
        let fields = Fields::of(&event);
        let id = event.event_id.to_string();
        for (name, expected) in [
            ("actor", "u1"),
            ("actor_type", "user"),
            ("actorType", "user"),
            ("organization_id", "org_1"),
            ("organizationId", "org_1"),
            ("event_type", "user.signup"),
            ("eventType", "user.signup"),
            ("event_id", &id),
            ("eventId", &id),
            ("occurred_at", "2026-01-01T00:00:00Z"),
            ("metadata.request_id", "r1"),
            ("metadata.source", "test"),
        ] {
            assert_eq!(fields.get(name), text(expected), "{name}");
        }
        assert_eq!(fields.get("metadata.causation_depth"), Some(Found::Number("2".into())));
        for absent in ["metadata", "metadata.ip_address", "metadata.x", "payload", "created_at", "x"] {
            assert_eq!(fields.get(absent), None, "{absent}");
        }
    }
}
