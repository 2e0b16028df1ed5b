//! CloudEvents 1.0 over HTTP: structured and binary mode.

use std::fmt::Write as _;

use events_core::{Event, Payload};
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::Envelope;

/// The attributes of an event. Names of extensions have small letters only, as the specification asks.
#[derive(Serialize)]
struct Attributes {
    specversion: &'static str,
    id: String,
    source: String,
    r#type: String,
    time: String,
    dataschema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organizationid: Option<String>,
    /// The trace that the event began in.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

#[derive(Serialize)]
struct Structured<'a> {
    #[serde(flatten)]
    attributes: Attributes,
    datacontenttype: &'static str,
    data: &'a Payload,
}

impl Attributes {
    fn of(event: &Event) -> Self {
        Self {
            specversion: "1.0",
            id: event.event_id.to_string(),
            source: source(&event.metadata.source),
            r#type: event.event_type.to_string(),
            time: event.occurred_at.to_string(),
            dataschema: format!("urn:event:{}:{}", event.event_type, uri_part(&event.event_version)),
            organizationid: event.organization_id.clone(),
            traceparent: event.metadata.trace_parent.clone(),
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let required = [
            ("ce-specversion", Some(self.specversion)),
            ("ce-id", Some(self.id.as_str())),
            ("ce-source", Some(self.source.as_str())),
            ("ce-type", Some(self.r#type.as_str())),
            ("ce-time", Some(self.time.as_str())),
            ("ce-dataschema", Some(self.dataschema.as_str())),
            ("ce-organizationid", self.organizationid.as_deref()),
            ("ce-traceparent", self.traceparent.as_deref()),
        ];
        required.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

pub(super) fn structured(event: &Event) -> Result<Envelope, serde_json::Error> {
    let body =
        Structured { attributes: Attributes::of(event), datacontenttype: "application/json", data: &event.payload };
    Ok(Envelope::new("application/cloudevents+json", serde_json::to_vec(&body)?))
}

pub(super) fn binary(event: &Event) -> Envelope {
    let mut envelope = Envelope::json(event.payload.as_str().to_owned());
    for (name, value) in Attributes::of(event).pairs() {
        // What is encoded is visible ASCII, which every header takes.
        if let Ok(value) = HeaderValue::try_from(encoded(value)) {
            envelope.headers.insert(HeaderName::from_static(name), value);
        }
    }
    envelope
}

/// The part of the application as a URI reference: `/api`.
fn source(source: &str) -> String {
    format!("/{}", uri_part(source))
}

/// Text as a part of a URI: everything but unreserved characters is percent-encoded.
fn uri_part(text: &str) -> String {
    percent(text, |byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
}

/// The encoding of the HTTP binding: space, quote, percent and all that is not visible ASCII.
fn encoded(text: &str) -> String {
    percent(text, |byte| (0x21..=0x7e).contains(&byte) && byte != b'"' && byte != b'%')
}

fn percent(text: &str, is_kept: impl Fn(u8) -> bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut kept, byte| {
        if is_kept(byte) {
            kept.push(char::from(byte));
        } else {
            let _ = write!(kept, "%{byte:02X}"); // a String takes everything
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use events_core::testkit;
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn event() -> Event {
        let mut event = Event::clone(&testkit::event("invoice.created").build());
        event.payload = Payload::from_json(r#"{"z": 1.0, "a": 1}"#).unwrap();
        event.organization_id = Some("Ünï \"x\" 100%".into());
        event.metadata.source = "api v2".into();
        event
    }

    #[test]
    fn the_structured_mode_is_one_object_with_the_payload_as_published() {
        let event = event();
        let envelope = structured(&event).unwrap();
        assert_eq!(envelope.headers["content-type"], "application/cloudevents+json");
        let text = String::from_utf8(envelope.body.to_vec()).unwrap();
        assert!(text.ends_with(r#""datacontenttype":"application/json","data":{"z": 1.0, "a": 1}}"#), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(value["id"], event.event_id.to_string());
        assert_eq!(value["source"], "/api%20v2");
        assert_eq!(value["type"], "invoice.created");
        assert_eq!(value["time"], event.occurred_at.to_string());
        assert_eq!(value["dataschema"], "urn:event:invoice.created:1.0.0");
        assert_eq!(value["organizationid"], "Ünï \"x\" 100%");
        assert!(value.get("traceparent").is_none());
    }

    #[test]
    fn the_binary_mode_encodes_what_headers_do_not_take() {
        let envelope = binary(&event());
        assert_eq!(envelope.headers["content-type"], "application/json");
        assert_eq!(envelope.headers["ce-organizationid"], "%C3%9Cn%C3%AF%20%22x%22%20100%25");
        assert_eq!(envelope.headers["ce-type"], "invoice.created");
        assert_eq!(envelope.headers["ce-source"], "/api%2520v2"); // the URI's own encoding is text, too
        assert!(!envelope.headers.contains_key("ce-datacontenttype"));
        assert_eq!(&envelope.body[..], br#"{"z": 1.0, "a": 1}"#);
    }

    fn decoded(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            rest = tail;
            if *first == b'%' {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
                rest = &tail[2..];
            } else {
                bytes.push(*first);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    proptest! {
        #[test]
        fn every_text_arrives_in_a_header(text in any::<String>()) {
            let encoded = encoded(&text);
            prop_assert!(HeaderValue::try_from(&encoded).is_ok());
            prop_assert_eq!(decoded(&encoded), text);
        }
    }
}
