//! What owners send: a new subscription, changes, a rotation.

use std::time::Duration;

use events_core::{
    Pattern,
    routing::Filter,
    webhooks::{RateLimit, Scheme},
};
use events_webhooks::manage::{Change, Changes, Grace, HeaderChange, NewSubscription, Rotation};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    fields::{Fields, optional, required, text, wrong},
    shapes::MASK,
};
use crate::http::{auth::Caller, problem::Problem};

const ORGANIZATION: [&str; 4] = ["organization_id", "organizationId", "tenant_id", "tenantId"];
const ORGANIZATION_BYTES: usize = 255;
const CHANGEABLE: [&str; 10] = [
    "url",
    "events",
    "filter",
    "description",
    "headers",
    "retry_seconds",
    "timeout_seconds",
    "rate_limit",
    "format",
    "revision",
];
const CREATABLE: [&str; 16] = [
    "url",
    "events",
    "filter",
    "description",
    "headers",
    "retry_seconds",
    "timeout_seconds",
    "rate_limit",
    "format",
    "signature",
    "secret",
    "challenge",
    "organization_id",
    "organizationId",
    "tenant_id",
    "tenantId",
];

/// The body of a new subscription.
pub(super) fn new_subscription(body: &str, caller: &Caller) -> Result<NewSubscription, Problem> {
    let mut fields = Fields::read(body, &CREATABLE)?;
    let url = required(fields.text("url")?, "url", "give the address that events are sent to")?;
    let events = required(
        patterns(&mut fields)?,
        "events",
        "list event types, as in [\"invoice.created\", \"billing.*\"], or [\"*\"]",
    )?;
    let organization_id = fields.text_under(&ORGANIZATION)?;
    check_organization(organization_id.as_deref())?;
    Ok(NewSubscription {
        organization_id: caller.scope_query(organization_id)?,
        filter: optional(filter(&mut fields)?),
        description: optional(fields.text("description")?).unwrap_or_default(),
        headers: new_headers(fields.value("headers"))?,
        retry: optional(fields.list_of_seconds("retry_seconds")?),
        timeout: optional(fields.seconds("timeout_seconds")?),
        rate_limit: optional(rate_limit(&mut fields)?),
        format: optional(fields.word("format")?).unwrap_or(events_core::webhooks::Format::Standard),
        signing: optional(fields.word("signature")?).unwrap_or(Scheme::V1),
        secret: optional(fields.text("secret")?).map(SecretString::from),
        challenge: optional(fields.flag("challenge")?).unwrap_or(false),
        ..NewSubscription::new(url, events)
    })
}

/// The body of a change: absent stays, null goes back to the default.
pub(super) fn changes(body: &str) -> Result<Changes, Problem> {
    let mut fields = Fields::read(body, &CHANGEABLE)?;
    Ok(Changes {
        revision: optional(fields.whole("revision")?),
        url: kept(fields.text("url")?, "url")?,
        events: kept(patterns(&mut fields)?, "events")?,
        filter: filter(&mut fields)?,
        description: fields.text("description")?,
        headers: header_changes(fields.value("headers"))?,
        retry: fields.list_of_seconds("retry_seconds")?,
        timeout: fields.seconds("timeout_seconds")?,
        rate_limit: rate_limit(&mut fields)?,
        format: fields.word("format")?,
    })
}

/// The body of a rotation. All of it may be left out.
pub(super) fn rotation(body: &str) -> Result<Rotation, Problem> {
    let mut fields = Fields::read(body, &["secret", "signature", "grace_seconds"])?;
    let grace = optional(fields.seconds("grace_seconds")?).map(Grace::new).transpose()?;
    Ok(Rotation {
        secret: optional(fields.text("secret")?).map(SecretString::from),
        signing: optional(fields.word("signature")?),
        grace: grace.unwrap_or_default(),
    })
}

/// A change to something that has no default.
fn kept<T>(change: Change<T>, field: &str) -> Result<Option<T>, Problem> {
    match change {
        Change::Keep => Ok(None),
        Change::Set(value) => Ok(Some(value)),
        Change::Reset => {
            Err(Problem::invalid_field(field, "is null, and has no default; leave it out or give a value"))
        }
    }
}

fn patterns(fields: &mut Fields) -> Result<Change<Vec<Pattern>>, Problem> {
    let read = |(at, text): (usize, &String)| {
        text.parse().map_err(|error| Problem::invalid_field(&format!("events[{at}]"), format!("{error}")))
    };
    Ok(match fields.texts("events")? {
        Change::Set(texts) => Change::Set(texts.iter().enumerate().map(read).collect::<Result<_, _>>()?),
        Change::Keep => Change::Keep,
        Change::Reset => Change::Reset,
    })
}

fn filter(fields: &mut Fields) -> Result<Change<Filter>, Problem> {
    Ok(match fields.value("filter") {
        Change::Set(value) => {
            let filter = Filter::from_value(&value);
            Change::Set(filter.map_err(|invalid| Problem::invalid_field(&invalid.place, invalid.problem))?)
        }
        Change::Keep => Change::Keep,
        Change::Reset => Change::Reset,
    })
}

fn rate_limit(fields: &mut Fields) -> Result<Change<RateLimit>, Problem> {
    let value = match fields.value("rate_limit") {
        Change::Set(value) => value,
        Change::Keep => return Ok(Change::Keep),
        Change::Reset => return Ok(Change::Reset),
    };
    let mut limit = Fields::of(value, "rate_limit", "rate_limit.", &["per_second", "burst"])?;
    let field = limit.name("per_second");
    let per_second = required(limit.number("per_second")?, &field, "give calls per second, 0.01 to 10,000")?;
    if !(0.01..=10_000.0).contains(&per_second) {
        return Err(Problem::invalid_field(&field, "is out of bounds; give 0.01 to 10,000 calls per second"));
    }
    let micros = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or_default().as_micros();
    let interval = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
    let burst = optional(limit.whole("burst")?);
    // Unless said otherwise, what a second allows may be used at once.
    let burst = burst.map_or_else(
        || Ok(per_second.ceil() as u32),
        |burst| {
            u32::try_from(burst)
                .map_err(|_| Problem::invalid_field("rate_limit.burst", "is out of bounds; give 1 to 10,000"))
        },
    )?;
    Ok(Change::Set(RateLimit { interval, burst }))
}

fn new_headers(headers: Change<Value>) -> Result<Vec<(String, SecretString)>, Problem> {
    let Change::Set(headers) = headers else { return Ok(Vec::new()) };
    let Value::Object(headers) = headers else { return Err(wrong("headers", HEADERS, &headers)) };
    let read = |(name, value): (String, Value)| {
        let field = field_of(&name);
        let value = text(&field, value)?;
        if value == MASK {
            return Err(Problem::invalid_field(&field, "is the mask that lists show; give the value itself"));
        }
        Ok((name, SecretString::from(value)))
    };
    headers.into_iter().map(read).collect()
}

/// Headers that are absent stay, and so do those that come back with the mask that lists show.
fn header_changes(headers: Change<Value>) -> Result<Option<Vec<HeaderChange>>, Problem> {
    let headers = match headers {
        Change::Keep => return Ok(None),
        Change::Reset => return Ok(Some(vec![HeaderChange::RemoveAll])),
        Change::Set(Value::Object(headers)) => headers,
        Change::Set(other) => return Err(wrong("headers", HEADERS, &other)),
    };
    let mut changes = Vec::new();
    for (name, value) in headers {
        match value {
            Value::Null => changes.push(HeaderChange::Remove(name)),
            Value::String(value) if value == MASK => {}
            value => {
                let value = text(&field_of(&name), value)?;
                changes.push(HeaderChange::Set((name, SecretString::from(value))));
            }
        }
    }
    Ok(Some(changes))
}

const HEADERS: &str = "an object of names and values";

fn field_of(name: &str) -> String {
    format!("headers.{}", name.escape_debug().take(60).collect::<String>())
}

fn check_organization(organization_id: Option<&str>) -> Result<(), Problem> {
    let is_name = |name: &str| !name.is_empty() && name.len() <= ORGANIZATION_BYTES && !name.contains(char::is_control);
    if organization_id.is_none_or(is_name) {
        return Ok(());
    }
    let problem = format!("must be 1 to {ORGANIZATION_BYTES} bytes of text without control characters");
    Err(Problem::invalid_field("organization_id", problem))
}
