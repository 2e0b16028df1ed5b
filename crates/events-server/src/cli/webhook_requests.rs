//! What `webhooks add` and `webhooks update` send.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::duration;

#[derive(Args)]
pub(super) struct Add {
    /// Where events are sent
    endpoint: String,
    /// Which events: types, prefixes such as billing.*, or *
    #[arg(required = true)]
    events: Vec<String>,
    /// Whose events; those of everybody, where it is left out and the key is not bound
    #[arg(long, alias = "tenant")]
    organization: Option<String>,
    #[command(flatten)]
    choices: Choices,
    /// v1 (HMAC-SHA256) or v1a (ed25519)
    #[arg(long)]
    signature: Option<String>,
    /// Ask the endpoint to repeat a word before it gets anything
    #[arg(long)]
    challenge: bool,
}

#[derive(Args)]
pub(super) struct Update {
    /// The subscription, as in the list
    pub(super) subscription_id: String,
    /// Where events are sent from now on
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// Which events from now on: types, prefixes such as billing.*, or *
    #[arg(long, value_name = "EVENT", num_args = 1..)]
    events: Vec<String>,
    #[command(flatten)]
    choices: Choices,
    /// What goes back to its default; may be given several times
    #[arg(long = "default", value_name = "WHAT", value_enum)]
    defaults: Vec<Choice>,
    /// Change this revision or nothing
    #[arg(long)]
    revision: Option<i64>,
}

/// What an owner may choose, at first and later.
#[derive(Args)]
struct Choices {
    /// A condition on the event's fields, as JSON
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// A file with headers to send along, a JSON object of names and values; null removes one
    #[arg(long, value_name = "FILE")]
    headers: Option<PathBuf>,
    /// Pauses between tries, as in 5s,5m,1h
    #[arg(long, value_name = "TIMES", value_delimiter = ',', value_parser = duration::parse)]
    retry: Vec<Duration>,
    /// Longest time for one try: 1s to 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Calls a second at most
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,
    /// Calls at once after a rest; what a second allows, unless given
    #[arg(long, value_name = "NUMBER", requires = "rate")]
    burst: Option<u32>,
    /// standard, cloudevents_structured or cloudevents_binary
    #[arg(long)]
    format: Option<String>,
}

/// What has a default.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Choice {
    Filter,
    Description,
    Headers,
    Retry,
    Timeout,
    Rate,
    Format,
}

impl Choice {
    /// Its field in JSON.
    fn field(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Description => "description",
            Self::Headers => "headers",
            Self::Retry => "retry_seconds",
            Self::Timeout => "timeout_seconds",
            Self::Rate => "rate_limit",
            Self::Format => "format",
        }
    }
}

impl Add {
    /// The body of the request.
    pub(super) fn body(self) -> anyhow::Result<Value> {
        let mut members = self.choices.members()?;
        let more = [
            ("url", Some(json!(self.endpoint))),
            ("events", Some(json!(self.events))),
            ("organization_id", self.organization.map(Value::from)),
            ("signature", self.signature.map(Value::from)),
            ("challenge", self.challenge.then_some(Value::Bool(true))),
        ];
        insert(&mut members, more);
        Ok(Value::Object(members))
    }
}

impl Update {
    /// The body of the request: what is named, and nothing else.
    pub(super) fn body(self) -> anyhow::Result<Value> {
        let mut members = self.choices.members()?;
        for choice in self.defaults {
            if members.get(choice.field()).is_some_and(|value| !value.is_null()) {
                bail!("{} is given a value and its default; give one of them", choice.field());
            }
            members.insert(choice.field().to_owned(), Value::Null);
        }
        let events = (!self.events.is_empty()).then(|| json!(self.events));
        insert(&mut members, [("url", self.endpoint.map(Value::from)), ("events", events)]);
        if members.is_empty() {
            bail!("nothing is to be changed; name what, as in --description books");
        }
        insert(&mut members, [("revision", self.revision.map(Value::from))]);
        Ok(Value::Object(members))
    }
}

impl Choices {
    /// The fields of those that are given.
    fn members(self) -> anyhow::Result<Map<String, Value>> {
        let filter = self.filter.map(|filter| serde_json::from_str::<Value>(&filter).context("--filter is not JSON"));
        let headers = self.headers.map(|path| {
            // Their values are credentials, which the list of processes would show.
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("--headers: cannot read {}", path.display()))?;
            serde_json::from_str::<Value>(&text)
                .map_err(|_| anyhow::anyhow!("--headers: {} is not JSON", path.display()))
        });
        let seconds = |time: &Duration| time.as_secs_f64();
        let retry = (!self.retry.is_empty()).then(|| json!(self.retry.iter().map(seconds).collect::<Vec<_>>()));
        let rate = self.rate.map(|rate| match self.burst {
            Some(burst) => json!({ "per_second": rate, "burst": burst }),
            None => json!({ "per_second": rate }),
        });
        let mut members = Map::new();
        let given = [
            (Choice::Filter, filter.transpose()?),
            (Choice::Description, self.description.map(Value::from)),
            (Choice::Headers, headers.transpose()?),
            (Choice::Retry, retry),
            (Choice::Timeout, self.timeout.as_ref().map(|time| json!(seconds(time)))),
            (Choice::Rate, rate),
            (Choice::Format, self.format.map(Value::from)),
        ];
        insert(&mut members, given.map(|(choice, value)| (choice.field(), value)));
        Ok(members)
    }
}

fn insert<const N: usize>(members: &mut Map<String, Value>, given: [(&str, Option<Value>); N]) {
    members.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}
