//! `webhooks`: subscriptions of endpoints.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{client::Client, duration, text, webhook_deliveries, webhook_stats};

const LIST: &str = "api/v1/webhooks/subscriptions";

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Tell an endpoint of events; prints the secret that signs, this once
    Add(Box<Add>),
    /// List subscriptions, newest first
    List {
        /// Of this organization
        #[arg(long, alias = "tenant")]
        organization: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one subscription
    Show(One),
    /// Tell how deliveries did: rates, latency, and each day
    Stats(webhook_stats::Arguments),
    /// Send deliveries again, and those that were held
    Enable(One),
    /// Hold deliveries until the subscription is enabled
    Pause(One),
    /// Make no more deliveries until the subscription is enabled
    Disable(One),
    /// Replace the secret; until the end of the grace, both sign
    Rotate {
        /// The subscription, as in the list
        subscription_id: String,
        /// How long the old secret signs, too: 0s to 7d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
        grace: Duration,
        /// The scheme from now on: v1 or v1a
        #[arg(long)]
        signature: Option<String>,
    },
    /// Send a test event now, and show what the endpoint answered
    Test(One),
    /// Delete a subscription; what waits for it is not sent
    Delete(One),
    #[command(flatten)]
    Deliveries(webhook_deliveries::Action),
}

#[derive(Args)]
struct One {
    /// The subscription, as in the list
    subscription_id: String,
}

#[derive(Args)]
struct Add {
    /// Where events are sent
    endpoint: String,
    /// Which events: types, prefixes such as billing.*, or *
    #[arg(required = true)]
    events: Vec<String>,
    /// Whose events; those of everybody, where it is left out and the key is not bound
    #[arg(long, alias = "tenant")]
    organization: Option<String>,
    /// A condition on the event's fields, as JSON
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// A file with headers to send along, a JSON object of names and values
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// standard, cloudevents_structured or cloudevents_binary
    #[arg(long)]
    format: Option<String>,
    /// v1 (HMAC-SHA256) or v1a (ed25519)
    #[arg(long)]
    signature: Option<String>,
    /// Ask the endpoint to repeat a word before it gets anything
    #[arg(long)]
    challenge: bool,
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    match arguments.action {
        Action::Add(add) => {
            let made = client.post(LIST, &request(*add)?).await?;
            told(&made, as_json, print_made)
        }
        Action::List { organization, limit } => {
            let filters = [("organization_id", organization), ("limit", Some(limit.to_string()))];
            let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            told(&client.get(LIST, &query).await?, as_json, print_list)
        }
        Action::Show(One { subscription_id }) => {
            Ok(text::print_json(&client.get_one(LIST, &subscription_id, "").await?)?)
        }
        Action::Stats(arguments) => webhook_stats::run(arguments, client, as_json).await,
        Action::Enable(One { subscription_id }) => act(client, &subscription_id, "enable", as_json).await,
        Action::Pause(One { subscription_id }) => act(client, &subscription_id, "pause", as_json).await,
        Action::Disable(One { subscription_id }) => act(client, &subscription_id, "disable", as_json).await,
        Action::Rotate { subscription_id, grace, signature } => {
            let body = json!({ "grace_seconds": grace.as_secs_f64(), "signature": signature });
            let rotated = client.post_one(LIST, &subscription_id, "rotate", &body).await?;
            told(&rotated, as_json, print_secret)
        }
        Action::Test(One { subscription_id }) => {
            let said = client.post_one(LIST, &subscription_id, "test", &json!({})).await?;
            told(&said, as_json, print_call)?;
            // Scripts ask by exit code.
            if said["succeeded"] == true { Ok(()) } else { bail!("the endpoint did not take the test event") }
        }
        Action::Deliveries(action) => webhook_deliveries::run(action, client, as_json).await,
        Action::Delete(One { subscription_id }) => {
            client.delete(LIST, &subscription_id).await?;
            told(&json!({ "deleted": subscription_id }), as_json, |_| {
                text::say(format_args!("deleted {subscription_id}"))
            })
        }
    }
}

async fn act(client: &Client, id: &str, action: &str, as_json: bool) -> anyhow::Result<()> {
    let subscription = client.post_one(LIST, id, action, &json!({})).await?;
    let print = |subscription: &Value| {
        text::say(format_args!(
            "{} is {}",
            text::shown(&subscription["subscription_id"]),
            text::shown(&subscription["status"])
        ))
    };
    told(&subscription, as_json, print)
}

fn told(answer: &Value, as_json: bool, print: impl FnOnce(&Value) -> std::io::Result<()>) -> anyhow::Result<()> {
    if as_json {
        text::print_json(answer)?
    } else {
        print(answer)?
    }
    Ok(())
}

fn request(add: Add) -> anyhow::Result<Value> {
    let filter = add.filter.map(|filter| serde_json::from_str::<Value>(&filter).context("--filter is not JSON"));
    let headers = add.headers.map(|path| {
        // Their values are credentials, which the list of processes would show.
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("--headers: cannot read {}", path.display()))?;
        serde_json::from_str::<Value>(&text).map_err(|_| anyhow::anyhow!("--headers: {} is not JSON", path.display()))
    });
    let members = [
        ("url", Some(json!(add.endpoint))),
        ("events", Some(json!(add.events))),
        ("organization_id", add.organization.map(Value::from)),
        ("filter", filter.transpose()?),
        ("description", add.description.map(Value::from)),
        ("headers", headers.transpose()?),
        ("format", add.format.map(Value::from)),
        ("signature", add.signature.map(Value::from)),
        ("challenge", add.challenge.then_some(Value::Bool(true))),
    ];
    let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Value::Object(members.collect::<Map<_, _>>()))
}

fn print_made(made: &Value) -> std::io::Result<()> {
    text::say(format_args!("subscription  {}", text::shown(&made["subscription_id"])))?;
    print_secret(made)?;
    match made["challenge"]["error"].as_str() {
        Some(_) => text::say(format_args!("not verified  {}", text::shown(&made["challenge"]["error"]))),
        None => Ok(()),
    }
}

fn print_secret(answer: &Value) -> std::io::Result<()> {
    for (title, field) in [("secret", "secret"), ("public key", "public_key"), ("both sign till", "old_expires_at")] {
        if !answer[field].is_null() {
            text::say(format_args!("{title:<14}{}", text::shown(&answer[field])))?;
        }
    }
    Ok(())
}

fn print_list(answer: &Value) -> std::io::Result<()> {
    let row = |subscription: &Value| {
        let mut row = subscription.clone();
        let events: Vec<_> = text::rows(subscription, "events").iter().map(text::shown).collect();
        row["events"] = json!(events.join(" "));
        row["success_rate"] = json!(webhook_stats::percent(&subscription["last_7_days"]["success_rate"]));
        row["attempts"] = subscription["last_7_days"]["attempts"].clone();
        if subscription["verified"] == false {
            row["status"] = json!(format!("{}, not verified", text::shown(&subscription["status"])));
        }
        row
    };
    let rows: Vec<_> = text::rows(answer, "subscriptions").iter().map(row).collect();
    let columns = [
        ("SUBSCRIPTION", "subscription_id"),
        ("ORGANIZATION", "organization_id"),
        ("STATUS", "status"),
        ("SUCCESS, 7 DAYS", "success_rate"),
        ("ATTEMPTS", "attempts"),
        ("EVENTS", "events"),
        ("URL", "url"),
        ("FAILING SINCE", "failing_since"),
    ];
    text::print_table(&rows, &columns)
}

fn print_call(said: &Value) -> std::io::Result<()> {
    let response = &said["response"];
    if response.is_null() {
        text::say(format_args!("no answer     {}", text::shown(&said["error_class"])))?;
    } else {
        text::say(format_args!("status        {}", response["status"]))?;
        text::say(format_args!("answered      {}", text::shown(&response["body"])))?;
    }
    if !said["error"].is_null() {
        text::say(format_args!("because       {}", text::shown(&said["error"])))?;
    }
    text::say(format_args!("took          {} ms", said["times"]["total_ms"]))
}
