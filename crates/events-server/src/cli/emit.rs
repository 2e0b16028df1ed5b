//! `emit`: publishes one event from a shell.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    /// What happened, for example user.signup
    event_type: String,
    /// The payload: a JSON object, or name=value pairs
    #[arg(value_name = "PAYLOAD")]
    payload: Vec<String>,
    /// Who acted
    #[arg(long)]
    actor: Option<String>,
    /// The tenant
    #[arg(long, alias = "tenant")]
    organization: Option<String>,
    /// Publishing again with the same key stores nothing new
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    let mut event = Map::new();
    event.insert("event_type".into(), json!(arguments.event_type));
    event.insert("payload".into(), payload(&arguments.payload)?);
    event.insert("metadata".into(), json!({ "source": "cli" }));
    for (field, value) in [
        ("actor", arguments.actor),
        ("organization_id", arguments.organization),
        ("idempotency_key", arguments.idempotency_key),
    ] {
        if let Some(value) = value {
            event.insert(field.into(), json!(value));
        }
    }
    let answer = client.post("/api/v1/events", &Value::Object(event)).await?;
    if as_json {
        text::print_json(&answer);
    } else {
        let note = if answer["duplicate"] == true { " (published before)" } else { "" };
        println!("{}{note}", text::shown(&answer["event_id"]));
    }
    Ok(())
}

/// `{"a":1}` as it stands, or `a=1 b=text`: values are JSON where they are JSON, and text otherwise.
fn payload(words: &[String]) -> anyhow::Result<Value> {
    if let [json] = words
        && json.trim_start().starts_with('{')
    {
        return serde_json::from_str(json).map_err(|error| anyhow::anyhow!("the payload is not valid JSON: {error}"));
    }
    let mut payload = Map::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            anyhow::bail!("{word:?} is neither a JSON object nor a pair name=value");
        };
        payload.insert(name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value)));
    }
    Ok(Value::Object(payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_written_as_json_or_as_pairs() {
        let payload = |words: &[&str]| payload(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(payload(&[]).unwrap(), json!({}));
        assert_eq!(payload(&[r#"{"a": [1]}"#]).unwrap(), json!({ "a": [1] }));
        assert_eq!(
            payload(&["email=a@b.c", "rows=12", "ok=true"]).unwrap(),
            json!({ "email": "a@b.c", "rows": 12, "ok": true })
        );
        assert!(payload(&["email"]).unwrap_err().to_string().contains("name=value"));
        assert!(payload(&["{\"a\":"]).is_err());
    }
}
