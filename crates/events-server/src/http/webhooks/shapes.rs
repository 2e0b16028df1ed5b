//! Subscriptions and calls as they look in JSON. No shape of a subscription has room for a secret.

use std::{collections::BTreeMap, time::Duration};

use events_core::webhooks::{Status, Subscription, SubscriptionId};
use events_webhooks::sender::{Attempt, AttemptDetail};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::ToSchema;

/// What stands for a value that is never shown.
pub(super) const MASK: &str = "***";

/// An endpoint that is told of events.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscription {
    #[schema(value_type = String)]
    subscription_id: SubscriptionId,
    /// Whose it is; absent: it learns of every event of the installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<String>,
    /// Where events are sent.
    url: String,
    /// Event types, prefixes such as `billing.*`, or `*`.
    events: Vec<String>,
    /// Which of those: a condition on their fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    description: String,
    /// Headers of the owner's own by name. Their values are written and never shown.
    #[schema(value_type = Object)]
    headers: BTreeMap<String, &'static str>,
    /// Pauses between tries; absent: the default, about 75 hours in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>)]
    retry_seconds: Option<Vec<Number>>,
    /// Longest time for one try; absent: 15 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    timeout_seconds: Option<Number>,
    /// How often it is called; absent: as often as there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limit: Option<WebhookRateLimit>,
    /// `standard`, `cloudevents_structured` or `cloudevents_binary`.
    format: &'static str,
    /// The scheme of signatures: `v1` (HMAC-SHA256) or `v1a` (ed25519).
    signature: &'static str,
    /// `enabled`, `paused` or `disabled`.
    status: &'static str,
    /// Why it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<String>,
    /// Since when it is disabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    disabled_at: Option<Timestamp>,
    /// Whether it gets deliveries as far as its challenge is concerned: answered, or never asked.
    verified: bool,
    /// Since when every delivery has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    failing_since: Option<Timestamp>,
    #[schema(value_type = String)]
    created_at: Timestamp,
    #[schema(value_type = String)]
    updated_at: Timestamp,
    /// Counts changes. Send it with a change to make that change to this revision only.
    revision: i64,
}

/// How often an endpoint is called.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookRateLimit {
    /// Calls per second.
    #[schema(value_type = f64)]
    per_second: Number,
    /// Calls at once after a rest.
    burst: u32,
}

impl From<Subscription> for WebhookSubscription {
    fn from(it: Subscription) -> Self {
        let status = status_word(&it.status);
        let (disabled_reason, disabled_at) = match it.status {
            Status::Enabled | Status::Paused => (None, None),
            Status::Disabled { reason, at } => (Some(reason), Some(at)),
        };
        let rate_limit = it.rate_limit.map(|limit| WebhookRateLimit {
            // The interval is kept in microseconds, so three digits are all that is meant.
            per_second: number((1e3 / limit.interval.as_secs_f64()).round() / 1e3),
            burst: limit.burst,
        });
        Self {
            subscription_id: it.subscription_id,
            organization_id: it.organization_id,
            url: it.url,
            events: it.events.iter().map(ToString::to_string).collect(),
            filter: it.filter.map(|filter| filter.to_value()),
            description: it.description,
            headers: it.headers.into_iter().map(|header| (header.name, MASK)).collect(),
            retry_seconds: it.retry.map(|pauses| pauses.into_iter().map(seconds).collect()),
            timeout_seconds: it.timeout.map(seconds),
            rate_limit,
            format: it.format.as_str(),
            signature: it.signing.as_str(),
            status,
            disabled_reason,
            disabled_at,
            verified: it.verified_at.is_some(),
            failing_since: it.failing_since,
            created_at: it.created_at,
            updated_at: it.updated_at,
            revision: it.revision,
        }
    }
}

/// A status in a word.
pub(super) fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Enabled => "enabled",
        Status::Paused => "paused",
        Status::Disabled { .. } => "disabled",
    }
}

fn seconds(time: Duration) -> Number {
    number(time.as_secs_f64())
}

/// A number, whole where it is whole.
fn number(value: f64) -> Number {
    if value.fract() == 0.0 { Number::from(value as u64) } else { Number::from_f64(value).unwrap_or_else(|| 0.into()) }
}

/// A call to an endpoint, and what it answered.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointCall {
    /// Whether the endpoint did what was asked: a status from 200 to 299, and the word of a challenge.
    succeeded: bool,
    /// What went wrong, a stable word: `dns`, `connect`, `tls`, `timeout`, `reset`, `http_4xx` …
    #[serde(skip_serializing_if = "Option::is_none")]
    error_class: Option<String>,
    /// What went wrong, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = CallDetail)]
    detail: AttemptDetail,
}

impl From<Attempt> for EndpointCall {
    fn from(attempt: Attempt) -> Self {
        let failure = attempt.result.err();
        Self {
            succeeded: failure.is_none(),
            error_class: failure.as_ref().map(|failure| failure.class.as_str().to_owned()),
            error: failure.map(|failure| failure.message),
            detail: attempt.detail,
        }
    }
}

/// What was sent, what came back, and where the time went.
#[derive(Serialize, ToSchema)]
struct CallDetail {
    /// The headers that were sent; values of the owner's own are masked.
    request_headers: Vec<CallHeader>,
    /// The answer, where one began.
    response: Option<CallResponse>,
    times: CallTimes,
    /// `new` or `reused`.
    connection: Option<String>,
    /// The address that was called.
    remote_address: Option<String>,
}

/// An answer, cut to what is worth showing.
#[derive(Serialize, ToSchema)]
struct CallResponse {
    status: u16,
    headers: Vec<CallHeader>,
    /// At most 16 KiB.
    body: String,
    /// Whether there was more.
    body_cut: bool,
}

#[derive(Serialize, ToSchema)]
struct CallHeader {
    name: String,
    value: String,
}

/// Milliseconds. What did not happen is absent.
#[derive(Serialize, ToSchema)]
struct CallTimes {
    dns_ms: Option<f64>,
    connect_ms: Option<f64>,
    tls_ms: Option<f64>,
    first_byte_ms: Option<f64>,
    total_ms: f64,
}
