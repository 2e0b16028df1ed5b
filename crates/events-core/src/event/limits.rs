//! What is too much: the limits every event is held to before it is batched with others.

use serde::Serialize;

/// Why an event is refused. Names the field, says what is wrong with it and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{field} {problem}")]
pub struct InvalidEvent {
    /// The field by its JSON name, with its path: `metadata.request_id`.
    pub field: String,
    /// What is wrong and how to mend it, as the rest of a sentence about the field.
    pub problem: String,
}

impl InvalidEvent {
    /// `field` by its JSON name; `problem` continues the sentence.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The same fault inside a list, at `index`: `[3].payload`.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.field = format!("[{index}].{}", self.field);
        self
    }
}

/// Bounds on one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payload as JSON text, in bytes. 256 KiB by default.
    pub payload_bytes: usize,
    /// Nesting of objects and arrays in the payload; below the 128 that JSON parsers take. 64 by default.
    pub payload_depth: usize,
    /// Actor, organization, idempotency key and the like, in bytes. 255 by default.
    pub name_bytes: usize,
    /// Metadata values such as the user agent, in bytes. 1,024 by default.
    pub metadata_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { payload_bytes: 256 * 1024, payload_depth: 64, name_bytes: 255, metadata_bytes: 1024 }
    }
}

impl Limits {
    /// A name: neither empty, nor too long, nor with control characters.
    pub(super) fn check_name(&self, field: &str, value: Option<&str>) -> Result<(), InvalidEvent> {
        match value {
            Some("") => Err(InvalidEvent::new(field, "is empty; leave it out or give it a value")),
            Some(value) => check_text(field, value, self.name_bytes),
            None => Ok(()),
        }
    }

    pub(super) fn check_metadata(&self, field: &str, value: Option<&str>) -> Result<(), InvalidEvent> {
        value.map_or(Ok(()), |value| check_text(field, value, self.metadata_bytes))
    }
}

fn check_text(field: &str, value: &str, max: usize) -> Result<(), InvalidEvent> {
    if value.len() > max {
        return Err(InvalidEvent::new(field, format!("is {} bytes, the limit is {max}; shorten it", value.len())));
    }
    match value.char_indices().find(|(_, character)| character.is_control()) {
        Some((at, character)) => Err(InvalidEvent::new(
            field,
            format!("contains the control character {character:?} at byte {at}; remove it"),
        )),
        None => Ok(()),
    }
}
