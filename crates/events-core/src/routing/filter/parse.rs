//! Reading filters strictly: what is not understood is refused, with the place and the remedy.

use serde_json::{Map, Value};

use super::{Node, Operator, field::Field};

/// Longest JSON text of a filter, in bytes, as it is given and as it is printed.
const TEXT_BYTES: usize = 64 * 1024;
/// Conditions and combinations in one filter.
const NODES: usize = 50;
/// Levels of combinations.
const DEPTH: usize = 10;
/// Values of one `in` or `nin`.
const LIST: usize = 100;
/// Longest string to compare with, in bytes.
const STRING_BYTES: usize = 1_024;

const COMBINATIONS: &str = "`and`, `or`, `not`, or `field` with one operator";
const OPERATORS: &str = "eq, neq, gt, gte, lt, lte, in, nin, exists, starts_with, ends_with";

/// Why a filter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct InvalidFilter {
    /// Where in the filter: `filter.and[1].gte`.
    pub place: String,
    /// What is wrong there, and what to do.
    pub problem: String,
}

type Parsed<T> = Result<T, InvalidFilter>;

pub(super) fn from_json(json: &[u8]) -> Parsed<Node> {
    check_length(json.len())?;
    let value = serde_json::from_slice(json);
    let value = value.or_else(|error| Place::ROOT.refuse(format!("is not valid JSON: {error}")))?;
    from_value(&value)
}

pub(super) fn from_value(value: &Value) -> Parsed<Node> {
    check_length(value.to_string().len())?; // or it could be stored and not read again
    Parser { nodes: 0 }.node(&Place::ROOT, value, 1)
}

fn check_length(bytes: usize) -> Parsed<()> {
    if bytes > TEXT_BYTES {
        return Place::ROOT.refuse(format!("is {bytes} bytes of JSON, the limit is {TEXT_BYTES}"));
    }
    Ok(())
}

/// Where the parser is. Written out only when something is wrong there.
struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    name: &'p str,
    index: Option<usize>,
}

impl Place<'_> {
    const ROOT: Self = Place { parent: None, name: "filter", index: None };

    fn member<'p>(&'p self, name: &'p str) -> Place<'p> {
        Place { parent: Some(self), name, index: None }
    }

    fn element<'p>(&'p self, name: &'p str, index: usize) -> Place<'p> {
        Place { parent: Some(self), name, index: Some(index) }
    }

    fn refuse<T>(&self, problem: impl Into<String>) -> Parsed<T> {
        Err(InvalidFilter { place: self.told(), problem: problem.into() })
    }

    fn told(&self) -> String {
        let mut told = self.parent.map(|parent| format!("{}.", parent.told())).unwrap_or_default();
        told.extend(self.name.chars().take(60));
        if let Some(index) = self.index {
            told.push_str(&format!("[{index}]"));
        }
        told
    }
}

struct Parser {
    nodes: usize,
}

impl Parser {
    fn node(&mut self, place: &Place<'_>, value: &Value, depth: usize) -> Parsed<Node> {
        self.nodes += 1;
        if self.nodes > NODES {
            return place.refuse(format!("is one of more than {NODES} conditions; write a shorter filter"));
        }
        if depth > DEPTH {
            return place.refuse(format!("is nested deeper than {DEPTH} levels; write a flatter filter"));
        }
        let Some(members) = value.as_object() else {
            return place.refuse(format!("must be an object with {COMBINATIONS}, but is {}", kind(value)));
        };
        if members.contains_key("field") {
            return test(place, members);
        }
        let mut given = members.iter();
        match (given.next(), given.next()) {
            (None, _) => place.refuse(format!("is empty; give {COMBINATIONS}")),
            (Some((name, value)), None) => self.combination(place, name, value, depth),
            (Some(_), Some((second, _))) => {
                place.member(second).refuse(format!("one object has one of {COMBINATIONS}; put several into an `and`"))
            }
        }
    }

    fn combination(&mut self, place: &Place<'_>, name: &str, value: &Value, depth: usize) -> Parsed<Node> {
        match name {
            "and" => self.parts(place, name, value, depth).map(Node::And),
            "or" => self.parts(place, name, value, depth).map(Node::Or),
            "not" => self.node(&place.member(name), value, depth + 1).map(|part| Node::Not(Box::new(part))),
            _ => place.member(name).refuse(format!("is not known here; give {COMBINATIONS} ({OPERATORS})")),
        }
    }

    fn parts(&mut self, place: &Place<'_>, name: &str, value: &Value, depth: usize) -> Parsed<Vec<Node>> {
        match value.as_array() {
            None => place.member(name).refuse(format!("must be a list of conditions, but is {}", kind(value))),
            Some(parts) if parts.is_empty() => place.member(name).refuse("is empty; give at least one condition"),
            Some(parts) => {
                let parts = parts.iter().enumerate();
                parts.map(|(i, part)| self.node(&place.element(name, i), part, depth + 1)).collect()
            }
        }
    }
}

fn test(place: &Place<'_>, members: &Map<String, Value>) -> Parsed<Node> {
    let mut operators = members.iter().filter(|(name, _)| *name != "field");
    let Some((name, operand)) = operators.next() else {
        return place.refuse(format!("has a field and no operator; add one of {OPERATORS}"));
    };
    if let Some((second, _)) = operators.next() {
        return place.member(second).refuse("a condition has one operator; put several conditions into an `and`");
    }
    let path = match &members["field"] {
        Value::String(path) => path,
        other => return place.member("field").refuse(format!("must be a string, but is {}", kind(other))),
    };
    let field = Field::parse(path).or_else(|problem| place.member("field").refuse(problem))?;
    operator(&place.member(name), name, operand).map(|operator| Node::Test(field, operator))
}

fn operator(place: &Place<'_>, name: &str, operand: &Value) -> Parsed<Operator> {
    let ordered = || match operand {
        Value::Number(_) | Value::String(_) => scalar(place, operand),
        other => place.refuse(format!("must be a number or a string, but is {}", kind(other))),
    };
    let text = || match operand {
        Value::String(_) => scalar(place, operand).map(|value| value.as_str().unwrap_or_default().to_owned()),
        other => place.refuse(format!("must be a string, but is {}", kind(other))),
    };
    Ok(match name {
        "eq" => Operator::Eq(scalar(place, operand)?),
        "neq" => Operator::Neq(scalar(place, operand)?),
        "gt" => Operator::Gt(ordered()?),
        "gte" => Operator::Gte(ordered()?),
        "lt" => Operator::Lt(ordered()?),
        "lte" => Operator::Lte(ordered()?),
        "in" => Operator::In(list(place, operand)?),
        "nin" => Operator::Nin(list(place, operand)?),
        "exists" => match operand {
            Value::Bool(wanted) => Operator::Exists(*wanted),
            other => return place.refuse(format!("must be true or false, but is {}", kind(other))),
        },
        "starts_with" => Operator::StartsWith(text()?),
        "ends_with" => Operator::EndsWith(text()?),
        _ => return place.refuse(format!("is no operator; use one of {OPERATORS}")),
    })
}

/// A string, number, boolean or null.
fn scalar(place: &Place<'_>, operand: &Value) -> Parsed<Value> {
    match operand {
        Value::Array(_) | Value::Object(_) => {
            place.refuse(format!("must be a string, number, boolean or null, but is {}", kind(operand)))
        }
        Value::String(text) if text.len() > STRING_BYTES => {
            place.refuse(format!("is {} bytes, the limit is {STRING_BYTES}", text.len()))
        }
        Value::String(text) if text.contains('\0') => {
            place.refuse("contains the character \\u0000, which no event has; remove it")
        }
        _ => Ok(operand.clone()),
    }
}

fn list(place: &Place<'_>, operand: &Value) -> Parsed<Vec<Value>> {
    let Some(values) = operand.as_array() else {
        return place.refuse(format!("must be a list of values, but is {}", kind(operand)));
    };
    if values.is_empty() || values.len() > LIST {
        return place.refuse(format!("has {} values; give 1 to {LIST}", values.len()));
    }
    let values = values.iter().enumerate();
    values.map(|(i, value)| scalar(&Place { index: Some(i), ..*place }, value)).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
