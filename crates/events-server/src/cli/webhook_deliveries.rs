//! `webhooks deliveries` and the like: what endpoints were sent, sending it again, and jobs that send much of it again.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{client::Client, text};

/// Between looks at a job that is waited for.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Subcommand)]
pub(super) enum Action {
    /// List deliveries, newest first, or show one with every try
    Deliveries {
        /// Show this one
        delivery_id: Option<i64>,
        /// To this subscription
        #[arg(long, value_name = "ID")]
        subscription: Option<String>,
        /// pending, failed, succeeded, dead or dropped
        #[arg(long)]
        status: Option<String>,
        /// A type or pattern, such as billing.*
        #[arg(long, value_name = "TYPE")]
        event_type: Option<String>,
        /// Of events recorded at or after this time
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send one delivery again, now
    Resend {
        /// Which one
        delivery_id: i64,
    },
    /// Send everything again that failed for good since a time
    Recover(Wanted),
    /// Send past events to a subscription
    Replay {
        #[command(flatten)]
        wanted: Wanted,
        /// Only these types or patterns
        #[arg(long = "event-type", value_name = "TYPE")]
        event_types: Vec<String>,
    },
    /// List jobs, newest first, or show one
    Jobs {
        /// Show this one
        replay_id: Option<String>,
    },
    /// Cancel a job
    Cancel {
        /// Which one
        replay_id: String,
    },
}

#[derive(Args)]
pub(super) struct Wanted {
    /// To which subscription
    subscription_id: String,
    /// At or after this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: String,
    /// Before this time; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Deliveries a second at most
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Only count
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end
    #[arg(long)]
    detach: bool,
}

pub(super) async fn run(action: Action, client: &Client, as_json: bool) -> anyhow::Result<()> {
    match action {
        Action::Deliveries { delivery_id: Some(delivery_id), .. } => {
            let answer = client.get_one("api/v1/webhooks/deliveries", &delivery_id.to_string(), "").await?;
            Ok(text::print_json(&answer)?)
        }
        Action::Deliveries { delivery_id: None, subscription, status, event_type, since, limit } => {
            let filters = [
                ("subscription_id", subscription),
                ("status", status),
                ("event_type", event_type),
                ("since", since),
                ("limit", Some(limit.to_string())),
            ];
            let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let answer = client.get("api/v1/webhooks/deliveries", &query).await?;
            let columns = [
                ("DELIVERY", "delivery_id"),
                ("TYPE", "event_type"),
                ("SUBSCRIPTION", "subscription_id"),
                ("STATUS", "status"),
                ("ATTEMPTS", "attempts"),
                ("NEXT", "next_attempt_at"),
                ("ENDED", "ended_at"),
                ("ANSWER", "last_status"),
                ("LAST ERROR", "last_error"),
            ];
            print(&answer, "deliveries", &columns, as_json)
        }
        Action::Resend { delivery_id } => {
            let path = format!("api/v1/webhooks/deliveries/{delivery_id}/resend");
            let answer = client.post(&path, &json!({})).await?;
            if as_json {
                return Ok(text::print_json(&answer)?);
            }
            let said = match answer["outcome"].as_str() {
                Some("made_anew") => "is on its way, a new delivery of the same event",
                Some("under_way") => "is being sent just now",
                _ => "is on its way again",
            };
            Ok(text::say(format_args!("{} {said}", answer["delivery_id"]))?)
        }
        Action::Recover(wanted) => job(client, "recover", &wanted, &[], as_json).await,
        Action::Replay { wanted, event_types } => job(client, "replay", &wanted, &event_types, as_json).await,
        Action::Jobs { replay_id: Some(replay_id) } => {
            Ok(text::print_json(&client.get_one("api/v1/replays", &replay_id, "").await?)?)
        }
        Action::Jobs { replay_id: None } => {
            let answer = client.get("api/v1/replays", &[]).await?;
            let columns = [
                ("JOB", "replay_id"),
                ("KIND", "kind"),
                ("SUBSCRIPTION", "subscription_id"),
                ("STATE", "state"),
                ("MADE", "made"),
                ("OF", "total"),
                ("BEGAN", "created_at"),
                ("WHY", "reason"),
            ];
            print(&answer, "replays", &columns, as_json)
        }
        Action::Cancel { replay_id } => {
            let id = url::form_urlencoded::byte_serialize(replay_id.as_bytes()).collect::<String>();
            let answer = client.post(&format!("api/v1/replays/{id}/cancel"), &json!({})).await?;
            say_end(&answer, as_json)
        }
    }
}

fn print(answer: &Value, key: &str, columns: &[(&str, &str)], as_json: bool) -> anyhow::Result<()> {
    if as_json {
        text::print_json(answer)?;
    } else {
        text::print_table(text::rows(answer, key), columns)?;
    }
    Ok(())
}

/// Begins a job and waits for its end, with a line that tells how far it is.
async fn job(
    client: &Client,
    kind: &str,
    wanted: &Wanted,
    event_types: &[String],
    as_json: bool,
) -> anyhow::Result<()> {
    let id: String = url::form_urlencoded::byte_serialize(wanted.subscription_id.as_bytes()).collect();
    let mut body = json!({ "since": wanted.since, "rate": wanted.rate, "dry_run": wanted.dry_run });
    if let Some(until) = &wanted.until {
        body["until"] = json!(until);
    }
    if !event_types.is_empty() {
        body["event_types"] = json!(event_types);
    }
    let mut job = client.post(&format!("api/v1/webhooks/subscriptions/{id}/{kind}"), &body).await?;
    if wanted.dry_run {
        if as_json {
            return Ok(text::print_json(&job)?);
        }
        let more = if job["more"] == true { " or more" } else { "" };
        return Ok(text::say(format_args!("{}{more} would be sent", job["count"]))?);
    }
    while !wanted.detach && job["state"] == "running" {
        show_progress(&job)?;
        tokio::time::sleep(LOOK).await;
        let replay_id = job["replay_id"].as_str().unwrap_or_default().to_owned();
        job = client.get_one("api/v1/replays", &replay_id, "").await?;
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    say_end(&job, as_json)
}

/// Where people look, one line that changes.
fn show_progress(job: &Value) -> std::io::Result<()> {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        write!(out, "\r\x1b[K{}", so_far(job))?;
        out.flush()?;
    }
    Ok(())
}

fn so_far(job: &Value) -> String {
    let percent = job["progress"].as_f64().unwrap_or_default() * 100.0;
    format!("{percent:>3.0} %  {} made", job["made"])
}

fn say_end(job: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return Ok(text::print_json(job)?);
    }
    let why = job["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
    let [id, state] = ["replay_id", "state"].map(|field| text::shown(&job[field]));
    Ok(text::say(format_args!("{id} {state}, {} made{why}", job["made"]))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_a_line_of_steady_width() {
        let lines = [(0.0, 0), (0.124, 62), (1.0, 500)]
            .map(|(progress, made)| so_far(&json!({ "progress": progress, "made": made })));
        assert_eq!(lines, ["  0 %  0 made", " 12 %  62 made", "100 %  500 made"]);
    }
}
