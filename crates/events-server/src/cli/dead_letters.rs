//! `dead-letters`: deliveries that failed for good.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List dead letters, newest first
    List {
        /// Of this handler
        #[arg(long)]
        handler: Option<String>,
        /// To this target
        #[arg(long)]
        target: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one dead letter with its event and attempts
    Show {
        /// The delivery that died
        delivery_id: i64,
    },
    /// Try dead letters again, and enable their targets
    Redrive {
        /// These deliveries
        delivery_ids: Vec<i64>,
        /// All of this handler
        #[arg(long)]
        handler: Option<String>,
        /// All to this target
        #[arg(long)]
        target: Option<String>,
        /// All there are
        #[arg(long)]
        all: bool,
    },
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    match arguments.action {
        Action::List { handler, target, limit } => {
            let filters = [("handler", handler), ("target", target), ("limit", Some(limit.to_string()))];
            let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let answer = client.get("api/v1/dead-letters", &query).await?;
            if as_json {
                text::print_json(&answer)?;
            } else {
                print_list(&answer)?;
            }
        }
        Action::Show { delivery_id } => {
            let answer = client.get_one("api/v1/dead-letters", &delivery_id.to_string(), "").await?;
            text::print_json(&answer)?;
        }
        Action::Redrive { delivery_ids, handler, target, all } => {
            let mut body = json!({ "handler": handler, "target": target, "all": all });
            if !delivery_ids.is_empty() {
                body["delivery_ids"] = json!(delivery_ids);
            }
            let answer = client.post("api/v1/dead-letters/redrive", &body).await?;
            if as_json {
                text::print_json(&answer)?;
            } else {
                text::say(format_args!("{} on their way again", answer["redriven"]))?;
            }
        }
    }
    Ok(())
}

fn print_list(answer: &Value) -> std::io::Result<()> {
    let with_type = |letter: &Value| {
        let mut letter = letter.clone();
        letter["event_type"] = letter["event"]["event_type"].clone();
        letter
    };
    let rows: Vec<_> = text::rows(answer, "dead_letters").iter().map(with_type).collect();
    let columns = [
        ("DELIVERY", "delivery_id"),
        ("DIED", "created_at"),
        ("TYPE", "event_type"),
        ("HANDLER", "handler"),
        ("TARGET", "target"),
        ("ATTEMPTS", "attempts"),
        ("CLASS", "reason_class"),
        ("REASON", "reason"),
    ];
    text::print_table(&rows, &columns)
}
