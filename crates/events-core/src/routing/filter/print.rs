//! Filters as JSON, as they are stored and shown.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::{Filter, Node, Operator};

/// A node as JSON.
pub(super) fn value(node: &Node) -> Value {
    let several = |parts: &[Node]| Value::Array(parts.iter().map(value).collect());
    let members: [(&str, Value); 1] = match node {
        Node::Test(field, operator) => return test(field.as_str(), operator),
        Node::And(parts) => [("and", several(parts))],
        Node::Or(parts) => [("or", several(parts))],
        Node::Not(part) => [("not", value(part))],
    };
    object(members)
}

fn test(field: &str, operator: &Operator) -> Value {
    let (name, operand) = match operator {
        Operator::Eq(operand) => ("eq", operand.clone()),
        Operator::Neq(operand) => ("neq", operand.clone()),
        Operator::Gt(operand) => ("gt", operand.clone()),
        Operator::Gte(operand) => ("gte", operand.clone()),
        Operator::Lt(operand) => ("lt", operand.clone()),
        Operator::Lte(operand) => ("lte", operand.clone()),
        Operator::In(list) => ("in", Value::Array(list.clone())),
        Operator::Nin(list) => ("nin", Value::Array(list.clone())),
        Operator::Exists(wanted) => ("exists", Value::Bool(*wanted)),
        Operator::StartsWith(text) => ("starts_with", text.as_str().into()),
        Operator::EndsWith(text) => ("ends_with", text.as_str().into()),
    };
    object([("field", field.into()), (name, operand)])
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(Map::from_iter(members.map(|(name, value)| (name.to_owned(), value))))
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(&value).map_err(de::Error::custom)
    }
}
