//! Bodies read field by field, so that a refusal names the field and its place, and absent is another thing than null.

use std::time::Duration;

use events_webhooks::manage::Change;
use serde_json::{Map, Value};

use crate::http::problem::Problem;

/// Longest time that is read at all; what is allowed is less.
const LONGEST_SECONDS: f64 = 1e9;

/// The members of an object. Each is taken out once.
pub(super) struct Fields {
    members: Map<String, Value>,
    /// What stands before the names: `rate_limit.`.
    place: &'static str,
}

impl Fields {
    /// Reads a body, which has members of these names only. An empty body is the empty object.
    pub(super) fn read(body: &str, allowed: &[&str]) -> Result<Self, Problem> {
        let body = if body.trim().is_empty() { "{}" } else { body };
        let value = serde_json::from_str(body)
            .map_err(|error| Problem::bad_request(format!("the body is not valid JSON: {error}")))?;
        Self::of(value, "body", "", allowed)
    }

    /// Takes an object that stands at `field`.
    pub(super) fn of(value: Value, field: &str, place: &'static str, allowed: &[&str]) -> Result<Self, Problem> {
        let Value::Object(members) = value else { return Err(wrong(field, "an object", &value)) };
        if let Some(unknown) = members.keys().find(|name| !allowed.contains(&name.as_str())) {
            let shown: String = unknown.chars().take(60).collect();
            let problem = format!("is not known here; the fields are {}", allowed.join(", "));
            return Err(Problem::invalid_field(&format!("{place}{shown}"), problem));
        }
        Ok(Self { members, place })
    }

    /// The name of a member with its place.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.place)
    }

    /// A member as it stands.
    pub(super) fn value(&mut self, name: &str) -> Change<Value> {
        match self.members.remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Reset,
            Some(value) => Change::Set(value),
        }
    }

    /// A member, read.
    fn read_with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str, Value) -> Result<T, Problem>,
    ) -> Result<Change<T>, Problem> {
        Ok(match self.value(name) {
            Change::Keep => Change::Keep,
            Change::Reset => Change::Reset,
            Change::Set(value) => Change::Set(read(&self.name(name), value)?),
        })
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Change<String>, Problem> {
        self.read_with(name, text)
    }

    pub(super) fn texts(&mut self, name: &str) -> Result<Change<Vec<String>>, Problem> {
        self.read_with(name, |field, value| each(field, value, "a list of texts", text))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<Change<bool>, Problem> {
        self.read_with(name, |field, value| value.as_bool().ok_or_else(|| wrong(field, "true or false", &value)))
    }

    pub(super) fn whole(&mut self, name: &str) -> Result<Change<i64>, Problem> {
        self.read_with(name, |field, value| value.as_i64().ok_or_else(|| wrong(field, "a whole number", &value)))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Change<f64>, Problem> {
        self.read_with(name, |field, value| value.as_f64().ok_or_else(|| wrong(field, "a number", &value)))
    }

    /// A time in seconds, to the millisecond.
    pub(super) fn seconds(&mut self, name: &str) -> Result<Change<Duration>, Problem> {
        self.read_with(name, seconds)
    }

    pub(super) fn list_of_seconds(&mut self, name: &str) -> Result<Change<Vec<Duration>>, Problem> {
        self.read_with(name, |field, value| each(field, value, "a list of seconds", seconds))
    }

    /// One of a few words.
    pub(super) fn word<T: std::str::FromStr<Err = String>>(&mut self, name: &str) -> Result<Change<T>, Problem> {
        self.read_with(name, |field, value| {
            text(field, value)?.parse().map_err(|problem: String| Problem::invalid_field(field, problem))
        })
    }

    /// The one value under any of these names.
    pub(super) fn text_under(&mut self, names: &[&str]) -> Result<Option<String>, Problem> {
        let mut found = None;
        for name in names {
            let Change::Set(value) = self.text(name)? else { continue };
            if found.is_some() {
                let problem = format!("is given more than once, as {}; give it once", names.join(" or "));
                return Err(Problem::invalid_field(names[0], problem));
            }
            found = Some(value);
        }
        Ok(found)
    }
}

/// What has to be there.
pub(super) fn required<T>(change: Change<T>, field: &str, remedy: &str) -> Result<T, Problem> {
    match change {
        Change::Set(value) => Ok(value),
        Change::Keep | Change::Reset => Err(Problem::invalid_field(field, format!("is missing; {remedy}"))),
    }
}

/// What may be left out. Nothing is the same as null.
pub(super) fn optional<T>(change: Change<T>) -> Option<T> {
    match change {
        Change::Set(value) => Some(value),
        Change::Keep | Change::Reset => None,
    }
}

pub(super) fn text(field: &str, value: Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(wrong(field, "a text", &other)),
    }
}

fn each<T>(
    field: &str,
    value: Value,
    expected: &str,
    read: fn(&str, Value) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let Value::Array(values) = value else { return Err(wrong(field, expected, &value)) };
    values.into_iter().enumerate().map(|(at, value)| read(&format!("{field}[{at}]"), value)).collect()
}

fn seconds(field: &str, value: Value) -> Result<Duration, Problem> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=LONGEST_SECONDS).contains(seconds));
    let seconds = seconds.ok_or_else(|| wrong(field, "a number of seconds", &value))?;
    Ok(Duration::from_millis((seconds * 1e3).round() as u64)) // within bounds
}

/// The refusal of a value of another kind. The value may be a secret, so only its kind is told.
pub(super) fn wrong(field: &str, expected: &str, value: &Value) -> Problem {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "another number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Problem::invalid_field(field, format!("must be {expected}, but is {kind}"))
}
