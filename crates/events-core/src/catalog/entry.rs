//! What the catalog knows about one event type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::event::EventType;

/// One entry of the catalog.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// The canonical type.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// Current schema version of the payload.
    pub version: String,
    /// What happened, in a sentence.
    pub description: String,
    /// Group of types, for people.
    pub category: String,
    /// Usual kind of actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_type: Option<String>,
    /// What it means across applications; for analytics only, never for dispatch (C15, C16).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concept: Option<String>,
    /// How urgent it is.
    #[serde(default)]
    pub severity: Severity,
    /// When an application publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// Name of the event in Segment's vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_event: Option<String>,
    /// Whether the source documents say what the payload holds; otherwise the fields are a proposal.
    #[serde(default = "yes")]
    pub payload_specified: bool,
    /// Fields of the payload. Others are always allowed.
    pub fields: Vec<Field>,
    /// A payload as it may look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// What each handler does with this type by default, in that handler's own terms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub handlers: BTreeMap<String, Value>,
}

fn yes() -> bool {
    true
}

/// How urgent an event is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    #[default]
    Info,
    /// Somebody should look at some time.
    Warning,
    /// Somebody should look now.
    Error,
}

/// A field of a payload.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its key, in the case of the application that publishes it (C36).
    pub name: String,
    /// Its JSON type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether a payload without it is incomplete.
    pub required: bool,
    /// What it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema format: `email`, `date-time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// For amounts: `minor` (cents) or `major` units of the currency (C35).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Least value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// Most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// The allowed values.
    #[serde(default, rename = "enum", skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
    /// Type of the members of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<FieldType>,
}

/// JSON type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are JSON's own")]
pub enum FieldType {
    String,
    Integer,
    Number,
    Boolean,
    Object,
    Array,
}

impl CatalogEntry {
    /// JSON Schema (2020-12) of the payload. Fields beyond the described ones are allowed;
    /// optional ones may be `null`.
    #[must_use]
    pub fn schema(&self) -> Value {
        let properties: Map<String, Value> =
            self.fields.iter().map(|field| (field.name.clone(), field.schema())).collect();
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("urn:event:{}:{}", self.event_type, self.version),
            "description": self.description,
            "type": "object",
            "properties": properties,
            "additionalProperties": true,
        });
        let required: Vec<_> = self.fields.iter().filter(|field| field.required).map(|field| &field.name).collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }
}

impl Field {
    fn schema(&self) -> Value {
        let mut schema = Map::new();
        let type_name = json!(self.field_type);
        let nullable = !self.required;
        schema.insert("type".into(), if nullable { json!([type_name, "null"]) } else { type_name });
        if let Some(values) = &self.values {
            let null = nullable.then_some(Value::Null);
            schema.insert("enum".into(), values.iter().cloned().chain(null).collect());
        }
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(key.into(), value);
            }
        };
        put("description", self.description.as_ref().map(|text| json!(text)));
        put("format", self.format.as_ref().map(|text| json!(text)));
        put("minimum", self.minimum.map(|least| json!(least)));
        put("maxLength", self.max_length.map(|most| json!(most)));
        put("items", self.items.map(|items| json!({ "type": items })));
        Value::Object(schema)
    }
}
