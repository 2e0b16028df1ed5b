//! `emit`: publishes from a shell: one event, or many from standard input.

use std::io::{self, BufRead};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{client::Client, text};

/// Events sent in one call.
const BATCH: usize = 500;

#[derive(Args)]
pub(super) struct Arguments {
    /// What happened, for example user.signup; or - for whole events on standard input, one JSON object a line
    event_type: String,
    /// The payload: a JSON object, name=value pairs, or - for a JSON object on standard input
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
    if arguments.event_type == "-" {
        let given = [arguments.actor, arguments.organization, arguments.idempotency_key];
        if given.iter().any(Option::is_some) || !arguments.payload.is_empty() {
            bail!("events on standard input say everything themselves; give nothing else with -");
        }
        return publish_lines(io::stdin().lock(), client, as_json).await;
    }
    let event = Event {
        payload: payload(&arguments.payload, io::stdin())?,
        event_type: arguments.event_type,
        metadata: json!({ "source": "cli" }),
        actor: arguments.actor,
        organization_id: arguments.organization,
        idempotency_key: arguments.idempotency_key,
    };
    let answer = client.post_json("api/v1/events", serde_json::to_string(&event)?).await?;
    if as_json {
        text::print_json(&answer)?
    } else {
        print(&answer)?
    }
    Ok(())
}

/// The event as it is sent; the payload stays as it was written.
#[derive(Serialize)]
struct Event {
    event_type: String,
    payload: Box<RawValue>,
    metadata: Value,
    actor: Option<String>,
    organization_id: Option<String>,
    idempotency_key: Option<String>,
}

/// Publishes events as they are read, in batches. What was published before a fault stays published.
async fn publish_lines(input: impl BufRead, client: &Client, as_json: bool) -> anyhow::Result<()> {
    let mut lines = input.lines().enumerate().peekable();
    let mut refused = 0;
    while lines.peek().is_some() {
        let mut batch = Vec::new();
        for (at, line) in lines.by_ref().take(BATCH) {
            let line = line.with_context(|| format!("line {} of standard input cannot be read", at + 1))?;
            if line.trim().is_empty() {
                continue;
            }
            let event: Box<RawValue> =
                serde_json::from_str(&line).with_context(|| format!("line {} is not one JSON object", at + 1))?;
            batch.push(event);
        }
        let answer = client.post_json("api/v1/events", serde_json::to_string(&batch)?).await?;
        for event in text::rows(&answer, "events") {
            refused += usize::from(event["event_id"].is_null());
            if as_json { text::say(event)? } else { print(event)? }
        }
    }
    if refused > 0 {
        bail!("{refused} events were refused; the others are published");
    }
    Ok(())
}

fn print(event: &Value) -> io::Result<()> {
    match event["error"].as_str() {
        Some(error) => text::say(format_args!("refused: {error}")),
        None => {
            let note = if event["duplicate"] == true { " (published before)" } else { "" };
            text::say(format_args!("{}{note}", text::shown(&event["event_id"])))
        }
    }
}

/// `{"a":1}` as it stands, or `a=1 b=text`: values are JSON where they are JSON, and text otherwise.
fn payload(words: &[String], mut input: impl io::Read) -> anyhow::Result<Box<RawValue>> {
    let mut read = String::new();
    let json = match words {
        [dash] if dash == "-" => {
            input.read_to_string(&mut read).context("standard input cannot be read")?;
            Some(&read)
        }
        [json] if json.trim_start().starts_with('{') => Some(json),
        _ => None,
    };
    if let Some(json) = json {
        return serde_json::from_str(json).context("the payload is not valid JSON");
    }
    let mut members = Vec::with_capacity(words.len());
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            bail!("{word:?} is neither a JSON object nor a pair name=value");
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
        members.push(format!("{}:{value}", json!(name)));
    }
    Ok(RawValue::from_string(format!("{{{}}}", members.join(",")))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_written_as_json_or_as_pairs() {
        let payload = |words: &[&str]| {
            payload(&words.iter().map(ToString::to_string).collect::<Vec<_>>(), &b"{\"from\": \"stdin\"}"[..])
        };
        let text = |words: &[&str]| payload(words).unwrap().get().to_owned();
        assert_eq!(text(&[]), "{}");
        assert_eq!(text(&[r#"{"b": [1.50], "a": 1}"#]), r#"{"b": [1.50], "a": 1}"#, "as it was written");
        assert_eq!(text(&["-"]), r#"{"from": "stdin"}"#);
        assert_eq!(text(&["email=a@b.c", "rows=12", "ok=true"]), r#"{"email":"a@b.c","rows":12,"ok":true}"#);
        assert!(payload(&["email"]).unwrap_err().to_string().contains("name=value"));
        assert!(payload(&["{\"a\":"]).is_err());
    }
}
