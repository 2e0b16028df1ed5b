//! `tail`: follows events as they are published.

use std::{io, time::Duration};

use clap::Args;
use serde_json::Value;

use super::{client::Client, text};

/// Between looks for new events.
const LOOK: Duration = Duration::from_millis(300);

#[derive(Args)]
pub(super) struct Arguments {
    /// Only these types or patterns, separated by commas: billing.*,user.signup
    #[arg(long, value_name = "TYPES")]
    types: Option<String>,
    /// Show this many past events first
    #[arg(long, short = 'n', default_value_t = 10, value_name = "COUNT")]
    lines: usize,
    /// Stop after the past events
    #[arg(long)]
    no_follow: bool,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    let types = arguments.types.map(|types| ("event_types", types));
    let with_types = |query: Vec<(&'static str, String)>| types.iter().cloned().chain(query).collect::<Vec<_>>();

    let newest = client.get("api/v1/events", &[("limit", "1".to_owned())]).await?;
    let mut after = text::rows(&newest, "events").first().and_then(|event| event["seq"].as_i64()).unwrap_or(0);
    if arguments.lines > 0 {
        let limit = arguments.lines.min(1000).to_string();
        let past = client.get("api/v1/events", &with_types(vec![("limit", limit)])).await?;
        text::rows(&past, "events").iter().rev().try_for_each(|event| print(event, as_json))?;
        let last = text::rows(&past, "events").first().and_then(|event| event["seq"].as_i64());
        after = after.max(last.unwrap_or(0));
    }
    if arguments.no_follow {
        return Ok(());
    }
    loop {
        let query = with_types(vec![("after", after.to_string()), ("limit", "500".to_owned())]);
        let answer = client.get("api/v1/events", &query).await?;
        text::rows(&answer, "events").iter().try_for_each(|event| print(event, as_json))?;
        match answer["next"].as_i64() {
            Some(next) => after = next,
            None => tokio::time::sleep(LOOK).await,
        }
    }
}

fn print(event: &Value, as_json: bool) -> io::Result<()> {
    if as_json {
        return text::say(event);
    }
    let of = |field: &str| text::shown(&event[field]);
    text::say(format_args!("{}  {}  {}", of("created_at"), of("event_type"), of("payload")))
}
