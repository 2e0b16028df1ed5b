//! `timeline`: past events; or one event with everything that came of it.

use clap::Args;
use serde_json::Value;

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    /// Show everything about this event
    event_id: Option<String>,
    /// Events of this actor
    #[arg(long)]
    actor: Option<String>,
    /// Events of this organization
    #[arg(long, alias = "tenant")]
    organization: Option<String>,
    /// Only these types or patterns, separated by commas
    #[arg(long, value_name = "TYPES")]
    types: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Pass over this many
    #[arg(long, default_value_t = 0)]
    offset: usize,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    if let Some(event_id) = &arguments.event_id {
        let event = client.get_one("api/v1/events", event_id, "").await?;
        if as_json {
            text::print_json(&event)?;
        } else {
            text::say(story(&event))?;
        }
        return Ok(());
    }
    let mut query = vec![("limit", arguments.limit.to_string()), ("offset", arguments.offset.to_string())];
    let filters =
        [("actor", arguments.actor), ("organization_id", arguments.organization), ("event_types", arguments.types)];
    query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let answer = client.get("api/v1/events/timeline", &query).await?;
    if as_json {
        text::print_json(&answer)?;
    } else {
        let columns = [
            ("RECORDED", "created_at"),
            ("EVENT", "event_id"),
            ("TYPE", "event_type"),
            ("ORGANIZATION", "organization_id"),
            ("PROCESSED", "processed"),
            ("RETRIES", "retry_count"),
            ("LAST ERROR", "last_error"),
        ];
        text::print_table(text::rows(&answer, "events"), &columns)?;
    }
    Ok(())
}

/// An event, its deliveries and their attempts, as lines.
pub(crate) fn story(event: &Value) -> String {
    let field = |name: &str| text::shown(&event[name]);
    let mut lines = vec![
        format!("{}  {}", field("event_type"), field("event_id")),
        format!("  happened {}, recorded {}", field("occurred_at"), field("created_at")),
        format!("  payload  {}", field("payload")),
    ];
    for delivery in text::rows(event, "deliveries") {
        let of = |name: &str| text::shown(&delivery[name]);
        lines.push(format!(
            "  {} to {}: {} after {} attempt(s)",
            of("handler"),
            of("target"),
            of("state"),
            of("attempts")
        ));
        for attempt in text::rows(delivery, "tries") {
            let of = |name: &str| text::shown(&attempt[name]);
            let mut line = format!("    {}  attempt {}: {}", of("created_at"), of("number"), of("outcome"));
            for (label, name) in [("status ", "status"), ("", "error_class"), ("", "error"), ("answer ", "response")] {
                if !attempt[name].is_null() {
                    line.push_str(&format!(", {label}{}", of(name)));
                }
            }
            lines.push(format!("{line}, {} ms", of("duration_ms")));
        }
    }
    for route in text::rows(event, "why_not").iter().filter(|route| route["reason"] != "other_type") {
        let of = |name: &str| text::shown(&route[name]);
        lines.push(format!("  not {} to {}: {}", of("handler"), of("target"), of("reason")));
    }
    if text::rows(event, "deliveries").is_empty() {
        lines.push("  no handler is interested in this type".to_owned());
    }
    lines.join("\n")
}
