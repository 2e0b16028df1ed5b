//! Content filters: a condition on an event's fields, written as JSON.
//!
//! A filter is a condition on one field or a combination of filters:
//!
//! ```json
//! {"and": [{"field": "payload.amount", "gte": 100}, {"not": {"field": "actor", "eq": "system"}}]}
//! ```
//!
//! | operator | holds when the field's value |
//! |---|---|
//! | `eq`, `neq` | is, or is not, this string, number, boolean or null |
//! | `gt`, `gte`, `lt`, `lte` | is a number and compares so with this number, or a string with this string |
//! | `in`, `nin` | is, or is not, one of a list |
//! | `exists` | is there (`true`), or is not (`false`); a null is there |
//! | `starts_with`, `ends_with` | is a string that begins or ends so |
//!
//! Numbers compare as numbers: 1 is 1.0, and integers from -2⁶³ to 2⁶⁴-1 compare exactly. Strings compare byte by
//! byte. Nothing is converted: the string "1" is not the number 1. A field that is missing makes every condition
//! false except `neq`, `nin` and `exists: false`.
//!
//! Fields are `payload.` with a path, whose parts are names of members or places in arrays (`payload.items.0.sku`; a
//! name with a dot cannot be told), `metadata.` with a name, and `event_type` (as published: an alias stays one),
//! `event_version`, `actor`, `actor_type` and `organization_id`.
//!
//! **Invariant:** matching is pure, and never fails.

mod compare;
mod explain;
mod field;
mod parse;
mod print;
#[cfg(test)]
mod tests;

pub use explain::Explanation;
pub use parse::InvalidFilter;

use std::{borrow::Cow, cell::OnceCell};

use field::Field;
use serde_json::Value;

use crate::event::Event;

/// A condition on an event. Small enough to be tried on every event: at most 50 nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Node);

/// A condition, or several put together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Test(Field, Operator),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
}

/// What is asked of a field's value. Operands are strings, numbers, booleans and nulls.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Eq(Value),
    Neq(Value),
    Gt(Value),
    Gte(Value),
    Lt(Value),
    Lte(Value),
    In(Vec<Value>),
    Nin(Vec<Value>),
    Exists(bool),
    StartsWith(String),
    EndsWith(String),
}

impl Filter {
    /// Reads a filter from JSON text, at most 64 KiB. Of a member that is written twice, the last counts.
    ///
    /// # Errors
    /// [`InvalidFilter`], which names the place.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidFilter> {
        parse::from_json(json).map(Self)
    }

    /// Reads a filter from a JSON value.
    ///
    /// # Errors
    /// [`InvalidFilter`], which names the place.
    pub fn from_value(value: &Value) -> Result<Self, InvalidFilter> {
        parse::from_value(value).map(Self)
    }

    /// The filter as JSON; reading it gives the same filter.
    #[must_use]
    pub fn to_value(&self) -> Value {
        print::value(&self.0)
    }

    /// Whether the event is one of those asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        self.holds_for(&Facts::of(event))
    }

    /// As [`Self::matches`], for an event that several filters look at.
    pub(super) fn holds_for(&self, facts: &Facts<'_>) -> bool {
        self.0.holds(facts)
    }

    /// Why the event matches or does not: each condition, what was found, and whether it held.
    #[must_use]
    pub fn explain(&self, event: &Event) -> Explanation {
        explain::explain(&self.0, &Facts::of(event))
    }
}

impl Node {
    fn holds(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Test(field, operator) => operator.holds(field.of(facts).as_deref()),
            Self::And(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(part) => !part.holds(facts),
        }
    }
}

/// An event as filters see it. The payload is parsed when the first field of it is asked for, and once.
pub(super) struct Facts<'e> {
    event: &'e Event,
    payload: OnceCell<Option<Value>>,
}

impl<'e> Facts<'e> {
    pub(super) fn of(event: &'e Event) -> Self {
        Self { event, payload: OnceCell::new() }
    }

    pub(super) fn event(&self) -> &'e Event {
        self.event
    }

    /// The payload, unless it holds a number that fits no number type (`1e999`): then it is as if it had no field.
    fn payload(&self) -> Option<&Value> {
        self.payload.get_or_init(|| self.event.payload.to_value().ok()).as_ref()
    }
}

/// A value that was found: a part of the payload, or made from the envelope.
type Found<'f> = Cow<'f, Value>;
