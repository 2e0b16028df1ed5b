//! Statistics as they look in JSON.

use events_core::{ports::SubscriptionCounts, statistics::Tally, webhooks::SubscriptionId};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How deliveries did. A rate is absent while there is nothing that it would be a rate of.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct WebhookFigures {
    /// Tries that were made.
    attempts: u64,
    /// Deliveries that succeeded.
    succeeded: u64,
    /// Tries that failed, whether or not another followed.
    failed_attempts: u64,
    /// Deliveries that failed for good.
    dead: u64,
    /// Which share of the deliveries that succeeded or died succeeded, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<f64>,
    /// Which share of the tries was not the first at its delivery, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_rate: Option<f64>,
    /// How long a try took on average: from signing to the end of the answer, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_ms: Option<f64>,
    /// Within how many milliseconds 95 of 100 tries ended, to 10 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<f64>,
}

impl From<&Tally> for WebhookFigures {
    fn from(tally: &Tally) -> Self {
        Self {
            attempts: tally.attempts(),
            succeeded: tally.succeeded,
            failed_attempts: tally.failed_attempts(),
            dead: tally.dead,
            success_rate: tally.success_rate().map(|rate| rounded(rate, 1e4)),
            retry_rate: tally.retry_rate().map(|rate| rounded(rate, 1e4)),
            average_ms: tally.average_ms().map(|time| rounded(time, 10.0)),
            p95_ms: tally.latencies.percentile(0.95).map(|time| rounded(time, 10.0)),
        }
    }
}

fn rounded(number: f64, steps: f64) -> f64 {
    (number * steps).round() / steps
}

/// How deliveries did, and how many events were published.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookStatistics {
    /// The first day that is in it, UTC; the last is today, as far as it has come.
    pub(super) since: String,
    /// False while what was stored before statistics began is still being counted: the figures are too small then.
    pub(super) complete: bool,
    /// Events that were published.
    pub(super) events_published: u64,
    #[serde(flatten)]
    pub(super) figures: WebhookFigures,
    /// How subscriptions do now.
    pub(super) subscriptions: WebhookSubscriptionCounts,
    /// Each day, oldest first.
    pub(super) by_day: Vec<WebhookDay>,
}

/// How subscriptions do now. One can be in several of these.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionCounts {
    total: u64,
    /// Enabled ones whose deliveries have only failed for some time.
    failing: u64,
    paused: u64,
    /// Disabled by their owner, or because they failed for too long.
    disabled: u64,
    /// Those whose endpoint has not answered its challenge.
    unverified: u64,
}

impl From<SubscriptionCounts> for WebhookSubscriptionCounts {
    fn from(counts: SubscriptionCounts) -> Self {
        let SubscriptionCounts { total, failing, paused, disabled, unverified } = counts;
        Self { total, failing, paused, disabled, unverified }
    }
}

/// One day.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDay {
    /// UTC.
    pub(super) day: String,
    /// Events that were published.
    pub(super) events_published: u64,
    #[serde(flatten)]
    pub(super) figures: WebhookFigures,
}

/// How the deliveries of one subscription did.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionStatistics {
    #[schema(value_type = String)]
    pub(super) subscription_id: SubscriptionId,
    /// The first day that is in it, UTC; the last is today, as far as it has come.
    pub(super) since: String,
    /// False while what was stored before statistics began is still being counted: the figures are too small then.
    pub(super) complete: bool,
    #[serde(flatten)]
    pub(super) figures: WebhookFigures,
    /// `enabled`, `paused` or `disabled`.
    pub(super) status: &'static str,
    /// Since when every delivery has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) failing_since: Option<Timestamp>,
    /// Each day, oldest first.
    pub(super) by_day: Vec<WebhookSubscriptionDay>,
}

/// One day of a subscription.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookSubscriptionDay {
    /// UTC.
    pub(super) day: String,
    #[serde(flatten)]
    pub(super) figures: WebhookFigures,
}
