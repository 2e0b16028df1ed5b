//! Subscriptions, secrets and routes as rows.

use std::{str::FromStr, sync::Arc, time::Duration};

use events_core::{
    Pattern,
    ports::RoutesVersion,
    routing::{Filter, Route},
    webhooks::{self, RateLimit, Sealed, SealedHeader, SecretId, Status, Subscription, SubscriptionId, WebhookSecret},
};
use jiff::Timestamp;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{error::Failure, rows::Cells};

/// Binds the columns that its owner may change, after the ids of the subscription and its organization.
pub(super) fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    it: &'q Subscription,
) -> Result<Query<'q, Sqlite, SqliteArguments>, Failure> {
    let (status, reason, disabled_at) = match &it.status {
        Status::Enabled => ("enabled", None, None),
        Status::Paused => ("paused", None, None),
        Status::Disabled { reason, at } => ("disabled", Some(reason.as_str()), Some(at.as_microsecond())),
    };
    let headers: Vec<_> = it.headers.iter().map(|header| (header.name.as_str(), header.value.to_hex())).collect();
    let retry = it.retry.as_ref().map(|pauses| pauses.iter().map(Duration::as_millis).collect::<Vec<_>>());
    Ok(query
        .bind(it.subscription_id.as_uuid().as_bytes().as_slice())
        .bind(it.organization_id.as_deref())
        .bind(it.url.as_str())
        .bind(crate::json(&it.events)?)
        .bind(it.filter.as_ref().map(|filter| filter.to_value().to_string()))
        .bind(it.description.as_str())
        .bind(crate::json(&headers)?)
        .bind(retry.map(|pauses| crate::json(&pauses)).transpose()?)
        .bind(it.timeout.map(|timeout| whole(timeout.as_millis())))
        .bind(it.rate_limit.map(|rate| whole(rate.interval.as_micros())))
        .bind(it.rate_limit.map(|rate| i64::from(rate.burst)))
        .bind(it.format.as_str())
        .bind(it.signing.as_str())
        .bind(status)
        .bind(reason)
        .bind(disabled_at)
        .bind(it.verified_at.map(Timestamp::as_microsecond))
        .bind(it.updated_at.as_microsecond()))
}

fn whole(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row of `webhook_subscriptions` with its place in the list.
pub(super) fn numbered(row: &SqliteRow) -> Result<(i64, Subscription), Failure> {
    Ok((Cells::of(row, "webhook_subscriptions", "number").get("number")?, subscription(row)?))
}

/// A row of `webhook_subscriptions`.
pub(super) fn subscription(row: &SqliteRow) -> Result<Subscription, Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "number");
    Ok(Subscription {
        subscription_id: SubscriptionId::from_uuid(cells.uuid("subscription_id")?),
        organization_id: cells.get("organization_id")?,
        url: cells.get("url")?,
        events: events(&cells)?,
        filter: filter(&cells)?,
        description: cells.get("description")?,
        headers: cells.parse("headers", headers)?,
        retry: cells.parse_optional("retry", pauses)?,
        timeout: cells.optional_number("timeout_ms")?.map(Duration::from_millis),
        rate_limit: rate_limit(&cells)?,
        format: cells.parse("format", FromStr::from_str)?,
        signing: cells.parse("signing", FromStr::from_str)?,
        status: status(&cells)?,
        verified_at: cells.optional_time("verified_at")?,
        failing_since: cells.optional_time("failing_since")?,
        notices: cells.number("notices")?,
        revision: cells.get("revision")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
    })
}

fn events(cells: &Cells<'_>) -> Result<Vec<Pattern>, Failure> {
    cells.parse("events", serde_json::from_str)
}

fn filter(cells: &Cells<'_>) -> Result<Option<Arc<Filter>>, Failure> {
    let parse = |text: &str| Filter::parse(text.as_bytes()).map(Arc::new);
    cells.parse_optional("filter", parse)
}

fn headers(text: &str) -> Result<Vec<SealedHeader>, String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let header = |(name, hex): (String, String)| match Sealed::from_hex(&hex) {
        Some(value) => Ok(SealedHeader { name, value }),
        None => Err(format!("the value of {name} is not hexadecimal")),
    };
    pairs.into_iter().map(header).collect()
}

fn pauses(text: &str) -> Result<Vec<Duration>, serde_json::Error> {
    let pauses: Vec<u64> = serde_json::from_str(text)?;
    Ok(pauses.into_iter().map(Duration::from_millis).collect())
}

fn rate_limit(cells: &Cells<'_>) -> Result<Option<RateLimit>, Failure> {
    let (interval, burst) = (cells.optional_number("rate_interval_us")?, cells.optional_number("rate_burst")?);
    let rate =
        interval.map(|interval| RateLimit { interval: Duration::from_micros(interval), burst: burst.unwrap_or(1) });
    Ok(rate)
}

fn status(cells: &Cells<'_>) -> Result<Status, Failure> {
    let (reason, at) = (cells.get::<Option<String>>("disabled_reason")?, cells.optional_time("disabled_at")?);
    cells.parse("status", |word| match (word, at) {
        ("enabled", _) => Ok(Status::Enabled),
        ("paused", _) => Ok(Status::Paused),
        ("disabled", Some(at)) => Ok(Status::Disabled { reason: reason.unwrap_or_default(), at }),
        ("disabled", None) => Err("it is disabled, and disabled_at is not set".to_owned()),
        (other, _) => Err(format!("`{other}` is no status")),
    })
}

/// A row of `webhook_secrets`.
pub(super) fn secret(row: &SqliteRow) -> Result<WebhookSecret, Failure> {
    let cells = Cells::of(row, "webhook_secrets", "number");
    Ok(WebhookSecret {
        secret_id: SecretId::from_uuid(cells.uuid("secret_id")?),
        subscription_id: SubscriptionId::from_uuid(cells.uuid("subscription_id")?),
        scheme: cells.parse("scheme", FromStr::from_str)?,
        key_id: cells.get("key_id")?,
        sealed: Sealed::new(cells.get("sealed")?),
        public_key: cells.get("public_key")?,
        created_at: cells.time("created_at")?,
        expires_at: cells.optional_time("expires_at")?,
    })
}

/// A row of `webhook_routes` with the version of all of them. One that cannot be read stops no other: it may have come
/// by plain SQL.
pub(super) fn route(row: &SqliteRow) -> Result<(RoutesVersion, Option<Route>), Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "number");
    let version = RoutesVersion(cells.get("version")?);
    if cells.get::<Option<i64>>("number")?.is_none() {
        return Ok((version, None));
    }
    let read = || -> Result<Route, Failure> {
        let subscription_id = SubscriptionId::from_uuid(cells.uuid("subscription_id")?);
        Ok(webhooks::route(subscription_id, cells.get("organization_id")?, &events(&cells)?, filter(&cells)?))
    };
    match read() {
        Ok(route) => Ok((version, Some(route))),
        Err(failure) => {
            tracing::error!("A webhook subscription gets no events until it is mended: {}", failure.undone());
            Ok((version, None))
        }
    }
}
