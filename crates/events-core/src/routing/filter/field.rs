//! The fields that a filter can look at: parts of the payload and of the envelope.

use std::borrow::Cow;

use serde_json::Value;

use super::{Facts, Found};
use crate::event::{Event, Metadata};

/// Longest path, in bytes.
const PATH_BYTES: usize = 256;

/// Fields of the envelope that have one value.
const ENVELOPE: [&str; 5] = ["event_type", "actor", "actor_type", "organization_id", "event_version"];
/// Fields of the metadata.
const METADATA: [&str; 8] = [
    "ip_address",
    "user_agent",
    "request_id",
    "source",
    "environment",
    "trace_parent",
    "causation_id",
    "causation_depth",
];

/// A path to a value: `payload.…`, `metadata.…`, or a field of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field(Box<str>);

impl Field {
    /// Reads a path; says what is wrong with it.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        const KNOWN: &str = "write `payload.<name>`, `metadata.<name>`, or one of event_type, actor, actor_type, \
                             organization_id, event_version";
        if path.len() > PATH_BYTES {
            return Err(format!("is {} bytes, the limit is {PATH_BYTES}", path.len()));
        }
        let is_known = match path.split_once('.') {
            Some(("payload", rest)) if rest.split('.').any(str::is_empty) => {
                return Err("has an empty part between its dots".to_owned());
            }
            Some(("payload", _)) => true,
            Some(("metadata", name)) if !METADATA.contains(&name) => {
                return Err(format!("names no field of the metadata: use one of {}", METADATA.join(", ")));
            }
            Some(("metadata", _)) => true,
            _ => ENVELOPE.contains(&path),
        };
        if is_known { Ok(Self(path.into())) } else { Err(format!("names no field of an event: {KNOWN}")) }
    }

    /// The path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the field, or `None` when it is missing.
    pub(super) fn of<'f>(&self, facts: &'f Facts<'_>) -> Option<Found<'f>> {
        match self.0.split_once('.') {
            Some(("payload", path)) => within(facts.payload()?, path).map(Cow::Borrowed),
            Some((_, name)) => in_metadata(&facts.event.metadata, name).map(Cow::Owned),
            None => in_envelope(facts.event, &self.0).map(Cow::Owned),
        }
    }
}

/// The value at a path. A part that is a number is the place in an array, or else the name of a member.
fn within<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(elements) => elements.get(place(part)?),
        _ => None,
    })
}

/// A place in an array: digits only, without leading zeros.
fn place(part: &str) -> Option<usize> {
    let is_plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()));
    if is_plain { part.parse().ok() } else { None }
}

fn in_envelope(event: &Event, name: &str) -> Option<Value> {
    let text = match name {
        "event_type" => event.event_type.as_str(),
        "event_version" => &event.event_version,
        "actor" => event.actor.as_deref()?,
        "actor_type" => event.actor_type.as_deref()?,
        "organization_id" => event.organization_id.as_deref()?,
        _ => return None,
    };
    Some(text.into())
}

fn in_metadata(metadata: &Metadata, name: &str) -> Option<Value> {
    let text = match name {
        "ip_address" => metadata.ip_address.as_deref()?,
        "user_agent" => metadata.user_agent.as_deref()?,
        "request_id" => metadata.request_id.as_deref()?,
        "source" => &metadata.source,
        "environment" => &metadata.environment,
        "trace_parent" => metadata.trace_parent.as_deref()?,
        "causation_id" => return Some(metadata.causation_id?.to_string().into()),
        "causation_depth" => return Some(metadata.causation_depth.into()),
        _ => return None,
    };
    Some(text.into())
}
