//! `webhooks stats`: how deliveries did.

use clap::Args;
use serde_json::{Value, json};

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    /// Of this subscription; of all, where it is left out
    #[arg(conflicts_with = "organization")]
    subscription_id: Option<String>,
    /// Of this organization's events
    #[arg(long, alias = "tenant")]
    organization: Option<String>,
    /// How many days, today included: 1 to 90
    #[arg(long, default_value_t = 30)]
    days: u16,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    let Arguments { subscription_id, organization, days } = arguments;
    let days = ("days", days.to_string());
    let answer = match &subscription_id {
        Some(id) => client.get_part("api/v1/webhooks/subscriptions", id, "stats", &[days]).await?,
        None => {
            let organization = organization.map(|organization| ("organization_id", organization));
            let query: Vec<_> = organization.into_iter().chain([days]).collect();
            client.get("api/v1/webhooks/stats", &query).await?
        }
    };
    if as_json {
        text::print_json(&answer)?
    } else {
        print(&answer)?
    }
    Ok(())
}

fn print(answer: &Value) -> std::io::Result<()> {
    let line = |title: &str, told: String| text::say(format_args!("{title:<15}{told}"));
    line("since", text::shown(&answer["since"]))?;
    if answer["complete"] == false {
        line("", "what was stored before statistics began is still being counted".to_owned())?;
    }
    if !answer["events_published"].is_null() {
        line("events", format!("{} published", answer["events_published"]))?;
    }
    line("deliveries", format!("{} succeeded, {} dead", answer["succeeded"], answer["dead"]))?;
    line("success rate", percent(&answer["success_rate"]))?;
    line("attempts", format!("{}, {} failed", answer["attempts"], answer["failed_attempts"]))?;
    line("retry rate", percent(&answer["retry_rate"]))?;
    line("latency", latency(answer))?;
    match &answer["subscriptions"] {
        Value::Null => line("subscription", standing(answer))?,
        counts => {
            let [total, failing, paused, disabled] = ["total", "failing", "paused", "disabled"].map(|it| &counts[it]);
            line("subscriptions", format!("{total}, {failing} failing, {paused} paused, {disabled} disabled"))?;
        }
    }
    let is_busy = |day: &&Value| day["attempts"] != 0 || day["events_published"].as_u64().unwrap_or_default() > 0;
    let days: Vec<Value> = text::rows(answer, "by_day").iter().filter(is_busy).map(row).collect();
    if days.is_empty() {
        return Ok(());
    }
    text::say("")?;
    let columns = [
        ("DAY", "day"),
        ("EVENTS", "events_published"),
        ("SUCCEEDED", "succeeded"),
        ("DEAD", "dead"),
        ("SUCCESS", "success_rate"),
        ("ATTEMPTS", "attempts"),
        ("FAILED", "failed_attempts"),
        ("RETRIES", "retry_rate"),
        ("AVERAGE MS", "average_ms"),
        ("P95 MS", "p95_ms"),
    ];
    let of_subscription = answer["events_published"].is_null();
    let columns: Vec<_> =
        columns.into_iter().filter(|(_, field)| !of_subscription || *field != "events_published").collect();
    text::print_table(&days, &columns)
}

fn row(day: &Value) -> Value {
    let mut row = day.clone();
    for rate in ["success_rate", "retry_rate"] {
        row[rate] = json!(percent(&day[rate]));
    }
    row
}

fn standing(answer: &Value) -> String {
    let status = text::shown(&answer["status"]);
    match answer["failing_since"].as_str() {
        Some(since) => format!("{status}, failing since {since}"),
        None => status,
    }
}

fn latency(answer: &Value) -> String {
    match answer["average_ms"].as_f64() {
        Some(average) => format!("{average} ms on average, p95 {} ms", answer["p95_ms"]),
        None => String::new(),
    }
}

/// A rate as people read it; nothing for a rate of nothing.
pub(super) fn percent(rate: &Value) -> String {
    rate.as_f64().map(|rate| format!("{:.1} %", rate * 100.0)).unwrap_or_default()
}
