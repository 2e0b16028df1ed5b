//! Subscriptions, secrets and routes as rows.

use std::{str::FromStr, sync::Arc, time::Duration};

use events_core::{
    Pattern,
    ports::RoutesVersion,
    routing::{Filter, Route},
    webhooks::{self, RateLimit, Sealed, SealedHeader, SecretId, Status, Subscription, SubscriptionId, WebhookSecret},
};
use sqlx::{
    Arguments,
    postgres::{PgArguments, PgRow},
};

use crate::{arguments, error::Failure, rows::Cells, time::Time};

/// The columns that its owner may change, after the ids of the subscription and its organization.
pub(super) fn chosen(it: &Subscription) -> Result<PgArguments, Failure> {
    let (status, reason, disabled_at) = match &it.status {
        Status::Enabled => ("enabled", None, None),
        Status::Paused => ("paused", None, None),
        Status::Disabled { reason, at } => ("disabled", Some(reason.as_str()), Some(Time(*at))),
    };
    let headers: Vec<_> = it.headers.iter().map(|header| (header.name.as_str(), header.value.to_hex())).collect();
    let retry = it.retry.as_ref().map(|pauses| pauses.iter().map(Duration::as_millis).collect::<Vec<_>>());
    Ok(arguments![
        *it.subscription_id.as_uuid(),
        it.organization_id.as_deref(),
        it.url.as_str(),
        json(serde_json::to_string(&it.events))?,
        it.filter.as_ref().map(|filter| filter.to_value().to_string()),
        it.description.as_str(),
        json(serde_json::to_string(&headers))?,
        retry.map(|pauses| json(serde_json::to_string(&pauses))).transpose()?,
        it.timeout.map(|timeout| whole(timeout.as_millis())),
        it.rate_limit.map(|rate| whole(rate.interval.as_micros())),
        it.rate_limit.map(|rate| i64::from(rate.burst)),
        it.format.as_str(),
        it.signing.as_str(),
        status,
        reason,
        disabled_at,
        it.verified_at.map(Time),
        Time(it.updated_at),
    ])
}

/// All columns of a subscription, and those of its first secret.
pub(super) fn created(it: &Subscription, secret: &WebhookSecret) -> Result<PgArguments, Failure> {
    let mut values = chosen(it)?;
    values.add(Time(it.created_at)).map_err(Failure::encode)?;
    values.add(it.failing_since.map(Time)).map_err(Failure::encode)?;
    values.add(i32::from(it.notices)).map_err(Failure::encode)?;
    values.add(it.revision).map_err(Failure::encode)?;
    values.add(*secret.secret_id.as_uuid()).map_err(Failure::encode)?;
    add_secret(&mut values, secret)?;
    Ok(values)
}

/// The columns of a secret.
pub(super) fn secret_values(secret: &WebhookSecret) -> Result<PgArguments, Failure> {
    let mut values = arguments![*secret.secret_id.as_uuid(), *secret.subscription_id.as_uuid()];
    add_secret(&mut values, secret)?;
    Ok(values)
}

/// The columns of a secret that follow its ids.
fn add_secret(values: &mut PgArguments, secret: &WebhookSecret) -> Result<(), Failure> {
    values.add(secret.scheme.as_str()).map_err(Failure::encode)?;
    values.add(secret.key_id.as_str()).map_err(Failure::encode)?;
    values.add(secret.sealed.as_bytes()).map_err(Failure::encode)?;
    values.add(secret.public_key.as_deref()).map_err(Failure::encode)?;
    values.add(Time(secret.created_at)).map_err(Failure::encode)?;
    values.add(secret.expires_at.map(Time)).map_err(Failure::encode)
}

fn json(text: Result<String, serde_json::Error>) -> Result<String, Failure> {
    text.map_err(|error| Failure::encode(error.into()))
}

fn whole(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row of `webhook_subscriptions` with its place in the list.
pub(super) fn numbered(row: &PgRow) -> Result<(i64, Subscription), Failure> {
    Ok((Cells::of(row, "webhook_subscriptions", "number").get("number")?, subscription(row)?))
}

/// A row of `webhook_subscriptions`.
pub(super) fn subscription(row: &PgRow) -> Result<Subscription, Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "number");
    Ok(Subscription {
        subscription_id: SubscriptionId::from_uuid(cells.get("subscription_id")?),
        organization_id: cells.get("organization_id")?,
        url: cells.get("url")?,
        events: events(&cells)?,
        filter: filter(&cells)?,
        description: cells.get("description")?,
        headers: cells.json("headers", headers)?,
        retry: cells.optional_json("retry", pauses)?,
        timeout: cells.optional_big_number("timeout_ms")?.map(Duration::from_millis),
        rate_limit: rate_limit(&cells)?,
        format: cells.parse("format", FromStr::from_str)?,
        signing: cells.parse("signing", FromStr::from_str)?,
        status: status(&cells)?,
        verified_at: cells.optional_time("verified_at")?,
        failing_since: cells.optional_time("failing_since")?,
        notices: cells.small_number("notices")?,
        revision: cells.get("revision")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
    })
}

fn events(cells: &Cells<'_>) -> Result<Vec<Pattern>, Failure> {
    cells.json("events", serde_json::from_str)
}

fn filter(cells: &Cells<'_>) -> Result<Option<Arc<Filter>>, Failure> {
    let parse = |text: &str| Filter::parse(text.as_bytes()).map(Arc::new);
    cells.optional_json("filter", parse)
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
    let (interval, burst) = (cells.optional_big_number("rate_interval_us")?, cells.optional_big_number("rate_burst")?);
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
pub(super) fn secret(row: &PgRow) -> Result<WebhookSecret, Failure> {
    let cells = Cells::of(row, "webhook_secrets", "number");
    Ok(WebhookSecret {
        secret_id: SecretId::from_uuid(cells.get("secret_id")?),
        subscription_id: SubscriptionId::from_uuid(cells.get("subscription_id")?),
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
pub(super) fn route(row: &PgRow) -> Result<(RoutesVersion, Option<Route>), Failure> {
    let cells = Cells::of(row, "webhook_subscriptions", "number");
    let version = RoutesVersion(cells.get("version")?);
    if cells.get::<Option<i64>>("number")?.is_none() {
        return Ok((version, None));
    }
    let read = || -> Result<Route, Failure> {
        let subscription_id = SubscriptionId::from_uuid(cells.get("subscription_id")?);
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
