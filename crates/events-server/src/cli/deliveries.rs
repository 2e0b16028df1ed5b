//! `deliveries`: who should learn of what, and how that stands.

use clap::Args;

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    /// Show the attempts at this delivery
    delivery_id: Option<i64>,
    /// Of this handler
    #[arg(long)]
    handler: Option<String>,
    /// To this target
    #[arg(long)]
    target: Option<String>,
    /// pending, leased, succeeded, dead or dropped
    #[arg(long)]
    state: Option<String>,
    /// Of this event
    #[arg(long, value_name = "EVENT_ID")]
    event: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    let (answer, key, columns): (_, _, &[(&str, &str)]) = if let Some(id) = arguments.delivery_id {
        let columns: &[_] = &[
            ("ATTEMPT", "number"),
            ("ENDED", "created_at"),
            ("OUTCOME", "outcome"),
            ("STATUS", "status"),
            ("MS", "duration_ms"),
            ("CLASS", "error_class"),
            ("ERROR", "error"),
            ("ANSWER", "response"),
        ];
        (client.get_one("api/v1/deliveries", &id.to_string(), "attempts").await?, "attempts", columns)
    } else {
        let filters = [
            ("handler", arguments.handler),
            ("target", arguments.target),
            ("state", arguments.state),
            ("event_id", arguments.event),
            ("limit", Some(arguments.limit.to_string())),
        ];
        let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let columns: &[_] = &[
            ("DELIVERY", "delivery_id"),
            ("TYPE", "event_type"),
            ("HANDLER", "handler"),
            ("TARGET", "target"),
            ("STATE", "state"),
            ("ATTEMPTS", "attempts"),
            ("DUE", "due_at"),
            ("ENDED", "ended_at"),
            ("LAST ERROR", "last_error"),
        ];
        (client.get("api/v1/deliveries", &query).await?, "deliveries", columns)
    };
    if as_json {
        text::print_json(&answer)?;
    } else {
        text::print_table(text::rows(&answer, key), columns)?;
    }
    Ok(())
}
