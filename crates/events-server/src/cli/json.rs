//! Reading answers of the server, also those with a payload that is too deep or has a number that is too great.
//!
//! Such events are refused when they are published; plain SQL on PostgreSQL lets them in. One of them must not keep
//! people from seeing the others, so what cannot be read is shown as the text that it is.

use std::collections::BTreeMap;

use serde_json::{Value, value::RawValue};

/// Levels that are read as they are.
const DEPTH: usize = 32;

/// The value that a text stands for.
///
/// # Errors
/// When it is no JSON at all.
pub(super) fn read(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|_| Ok(shallow(serde_json::from_str(text)?, DEPTH)))
}

fn shallow(raw: &RawValue, depth: usize) -> Value {
    let as_text = || Value::String(raw.get().to_owned());
    match raw.get().as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => as_text(),
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()).map_or_else(
            |_| as_text(),
            |members| members.into_iter().map(|(name, member)| (name, shallow(member, depth - 1))).collect(),
        ),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw.get())
            .map_or_else(|_| as_text(), |items| items.into_iter().map(|item| shallow(item, depth - 1)).collect()),
        _ => serde_json::from_str(raw.get()).unwrap_or_else(|_| as_text()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_is_shown_as_text_beside_what_can() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let text =
            format!(r#"{{"events":[{{"seq":1,"payload":{deep}}},{{"seq":2,"payload":{{"n":1e400,"a":"é"}}}}]}}"#);
        assert!(serde_json::from_str::<Value>(&text).is_err());
        let answer = read(&text).unwrap();
        assert_eq!(answer["events"][0]["seq"], 1);
        assert_eq!(answer["events"][1], json!({ "seq": 2, "payload": { "n": "1e400", "a": "é" } }));
        assert!(answer["events"][0]["payload"].to_string().contains(&"[".repeat(100)));
        assert!(read("{").is_err() && read("<html>").is_err());
    }
}
