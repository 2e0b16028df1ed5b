//! `webhooks`: subscriptions of endpoints.

use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    client::Client,
    duration, text,
    webhook_answers::{self as answers, told},
    webhook_deliveries,
    webhook_requests::{Add, Update},
    webhook_stats,
};

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
    /// Change what is named, and nothing else
    Update(Box<Update>),
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
    /// Ask the endpoint to repeat a word, as proof that it is its owner's
    Verify(One),
    /// Tell why a subscription gets an event, or does not
    Explain {
        /// The subscription, as in the list
        subscription_id: String,
        /// The event, as in the timeline
        event_id: String,
    },
    /// Show the secret that signs; the server's log says who looked
    Secret(One),
    /// Show the public keys that verify, with signature v1a
    PublicKeys(One),
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

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    match arguments.action {
        Action::Add(add) => {
            let made = client.post(LIST, &add.body()?).await?;
            told(&made, as_json, answers::print_made)
        }
        Action::List { organization, limit } => {
            let filters = [("organization_id", organization), ("limit", Some(limit.to_string()))];
            let query: Vec<_> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            told(&client.get(LIST, &query).await?, as_json, answers::print_list)
        }
        Action::Show(One { subscription_id }) => {
            Ok(text::print_json(&client.get_one(LIST, &subscription_id, "").await?)?)
        }
        Action::Update(update) => {
            let id = update.subscription_id.clone();
            let print = |changed: &serde_json::Value| {
                text::say(format_args!("{id} is changed, revision {}", changed["revision"]))
            };
            told(&client.patch_one(LIST, &id, &update.body()?).await?, as_json, print)
        }
        Action::Verify(One { subscription_id }) => {
            let answer = client.post_one(LIST, &subscription_id, "verify", &json!({})).await?;
            told(&answer, as_json, |answer| answers::print_call(&answer["challenge"]))?;
            let succeeded = answer["challenge"]["succeeded"] == true;
            if succeeded { Ok(()) } else { bail!("the endpoint did not repeat the word") }
        }
        Action::Explain { subscription_id, event_id } => {
            let body = json!({ "event_id": event_id });
            let answer = client.post_one(LIST, &subscription_id, "explain", &body).await?;
            told(&answer, as_json, answers::print_explained)
        }
        Action::Secret(One { subscription_id }) => {
            let answer = client.post_one(LIST, &subscription_id, "secret", &json!({})).await?;
            told(&answer, as_json, answers::print_secret)
        }
        Action::PublicKeys(One { subscription_id }) => {
            let answer = client.get_one(LIST, &subscription_id, "public-keys").await?;
            told(&answer, as_json, answers::print_public_keys)
        }
        Action::Stats(arguments) => webhook_stats::run(arguments, client, as_json).await,
        Action::Enable(One { subscription_id }) => act(client, &subscription_id, "enable", as_json).await,
        Action::Pause(One { subscription_id }) => act(client, &subscription_id, "pause", as_json).await,
        Action::Disable(One { subscription_id }) => act(client, &subscription_id, "disable", as_json).await,
        Action::Rotate { subscription_id, grace, signature } => {
            let body = json!({ "grace_seconds": grace.as_secs_f64(), "signature": signature });
            let rotated = client.post_one(LIST, &subscription_id, "rotate", &body).await?;
            told(&rotated, as_json, answers::print_secret)
        }
        Action::Test(One { subscription_id }) => {
            let said = client.post_one(LIST, &subscription_id, "test", &json!({})).await?;
            told(&said, as_json, answers::print_call)?;
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
    told(&client.post_one(LIST, id, action, &json!({})).await?, as_json, answers::print_status)
}
