//! The payload: a JSON object, kept as the text that was published.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Value, value::RawValue};

use super::{
    limits::{InvalidEvent, Limits},
    scan::{self, Finding},
};

/// A JSON object as text. Key order and number spelling stay as published (R149).
#[derive(Clone)]
pub struct Payload(Box<RawValue>);

impl Payload {
    /// The payload without fields, `{}`.
    #[must_use]
    pub fn empty() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_default())
    }

    /// Turns any serializable value into a payload.
    ///
    /// # Errors
    /// When the value is not a JSON object, or cannot be written as JSON.
    pub fn from_value(value: &impl Serialize) -> Result<Self, InvalidEvent> {
        let raw = serde_json::value::to_raw_value(value)
            .map_err(|error| InvalidEvent::new("payload", format!("cannot be written as JSON: {error}")))?;
        Self::from_raw(raw)
    }

    /// Takes JSON text as it stands.
    ///
    /// # Errors
    /// When the text is not JSON, or not an object.
    pub fn from_json(json: &str) -> Result<Self, InvalidEvent> {
        let raw: &RawValue = serde_json::from_str(json)
            .map_err(|error| InvalidEvent::new("payload", format!("is not valid JSON: {error}")))?;
        Self::from_raw(raw.to_owned())
    }

    pub(super) fn from_raw(raw: Box<RawValue>) -> Result<Self, InvalidEvent> {
        let kind = kind_of(raw.get());
        if kind == "an object" {
            Ok(Self(raw))
        } else {
            Err(InvalidEvent::new(
                "payload",
                format!("must be a JSON object such as {{\"email\": \"a@b.c\"}}, but is {kind}"),
            ))
        }
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The parsed object, for looking into it.
    ///
    /// # Errors
    /// When a number does not fit any number type (`1e999`).
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }

    /// Whether both hold the same JSON value, whatever the spacing and key order.
    #[must_use]
    pub fn same_value(&self, other: &Payload) -> bool {
        self.as_str() == other.as_str()
            || matches!((self.to_value(), other.to_value()), (Ok(mine), Ok(theirs)) if mine == theirs)
    }

    pub(super) fn check(&self, limits: &Limits) -> Result<(), InvalidEvent> {
        let size = self.as_str().len();
        if size > limits.payload_bytes {
            return Err(InvalidEvent::new(
                "payload",
                format!(
                    "is {size} bytes of JSON, the limit is {}; store the data elsewhere and publish a reference to it",
                    limits.payload_bytes
                ),
            ));
        }
        scan::scan(self.as_str(), limits.payload_depth).map_err(|finding| {
            let problem = match finding {
                Finding::TooDeep => {
                    format!("is nested deeper than {} levels; publish a flatter object", limits.payload_depth)
                }
                Finding::NulCharacter => {
                    "contains the character \\u0000, which databases cannot store; remove it".to_owned()
                }
                Finding::UnpairedSurrogate => {
                    "contains half of a surrogate pair (\\ud800 to \\udfff), which is not text; send whole characters"
                        .to_owned()
                }
            };
            InvalidEvent::new("payload", problem)
        })
    }
}

/// What kind of JSON value `json` is, in words.
pub(super) fn kind_of(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Payload {}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).and_then(|raw| Self::from_raw(raw).map_err(de::Error::custom))
    }
}
