//! Why an event matched a filter or did not.

use serde::Serialize;
use serde_json::Value;

use super::{Facts, Node, print};

/// Longest text that is shown of a value that was found, in characters.
const SHOWN: usize = 256;

/// One condition of a filter, looked at with an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Where in the filter it stands: `filter.and[1]`.
    pub place: String,
    /// The condition as JSON; absent for `and`, `or` and `not`, whose parts are told instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Value>,
    /// Whether it held.
    pub held: bool,
    /// The value of the field; absent when the field is missing. Long texts are cut, and of arrays and objects only
    /// the kind is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// The parts that it puts together, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explanation>,
}

pub(super) fn explain(node: &Node, facts: &Facts<'_>) -> Explanation {
    at("filter".to_owned(), node, facts)
}

fn at(place: String, node: &Node, facts: &Facts<'_>) -> Explanation {
    let several = |word: &str, parts: &[Node]| -> Vec<Explanation> {
        parts.iter().enumerate().map(|(i, part)| at(format!("{place}.{word}[{i}]"), part, facts)).collect()
    };
    let (held, parts) = match node {
        Node::Test(field, operator) => {
            let found = field.of(facts);
            let held = operator.holds(found.as_deref());
            let condition = Some(print::value(node));
            return Explanation { condition, held, found: found.as_deref().map(shown), parts: Vec::new(), place };
        }
        Node::And(parts) => {
            let parts = several("and", parts);
            (parts.iter().all(|part| part.held), parts)
        }
        Node::Or(parts) => {
            let parts = several("or", parts);
            (parts.iter().any(|part| part.held), parts)
        }
        Node::Not(part) => {
            let part = at(format!("{place}.not"), part, facts);
            (!part.held, vec![part])
        }
    };
    Explanation { condition: None, held, found: None, parts, place }
}

/// A value as it is shown: the payload can be large, and a filter can name a part of it fifty times.
fn shown(value: &Value) -> Value {
    match value {
        Value::Array(elements) => format!("an array of {}", elements.len()).into(),
        Value::Object(members) => format!("an object of {}", members.len()).into(),
        Value::String(text) => match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]).into(),
            None => value.clone(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
