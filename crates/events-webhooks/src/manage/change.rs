//! What an owner writes: a new subscription, or changes to one.

use std::{sync::Arc, time::Duration};

use events_core::{
    Pattern,
    routing::Filter,
    webhooks::{Format, RateLimit, Scheme, SealedHeader, Subscription},
};
use secrecy::SecretString;
use url::Url;

use super::Header;
use crate::{CustomHeaders, InvalidHeader};

/// A subscription to be made.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Whose it is; `None`: it learns of every event of the installation.
    pub organization_id: Option<String>,
    /// Where events are sent.
    pub url: String,
    /// Which types.
    pub events: Vec<Pattern>,
    /// Which of those.
    pub filter: Option<Filter>,
    /// What it is for.
    pub description: String,
    /// Headers of the owner's own.
    pub headers: Vec<Header>,
    /// Pauses between tries; `None`: the handler's.
    pub retry: Option<Vec<Duration>>,
    /// Longest time for one try; `None`: the handler's.
    pub timeout: Option<Duration>,
    /// How often it may be called.
    pub rate_limit: Option<RateLimit>,
    /// What is sent.
    pub format: Format,
    /// How it is signed.
    pub signing: Scheme,
    /// A secret that both sides have already, `whsec_…`, or `whsk_…` for `v1a`; one is generated where it is absent.
    pub secret: Option<SecretString>,
    /// Whether the endpoint has to answer a challenge before it gets anything.
    pub challenge: bool,
}

impl NewSubscription {
    /// The least there is: where, and what.
    #[must_use]
    pub fn new(url: impl Into<String>, events: impl IntoIterator<Item = Pattern>) -> Self {
        Self {
            organization_id: None,
            url: url.into(),
            events: events.into_iter().collect(),
            filter: None,
            description: String::new(),
            headers: Vec::new(),
            retry: None,
            timeout: None,
            rate_limit: None,
            format: Format::Standard,
            signing: Scheme::V1,
            secret: None,
            challenge: false,
        }
    }
}

/// A change to something that has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// Back to the default.
    Reset,
    /// This from now on.
    Set(T),
}

impl<T> Change<T> {
    /// Makes the change to a field whose default is `None`.
    fn make(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Reset => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// The change with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Reset => Change::Reset,
            Self::Set(value) => Change::Set(to(value)),
        }
    }
}

/// A change to the headers of the owner's own.
#[derive(Clone, Debug)]
pub enum HeaderChange {
    /// This header is added, or gets this value.
    Set(Header),
    /// This header is not sent any more.
    Remove(String),
    /// No header is sent any more.
    RemoveAll,
}

/// Changes to a subscription. By default, nothing changes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The revision that the owner has seen; with it, the change is made to that revision or not at all.
    pub revision: Option<i64>,
    /// Where events are sent.
    pub url: Option<String>,
    /// Which types.
    pub events: Option<Vec<Pattern>>,
    /// Which of those.
    pub filter: Change<Filter>,
    /// What it is for; the default is nothing.
    pub description: Change<String>,
    /// Headers, one change after the other.
    pub headers: Option<Vec<HeaderChange>>,
    /// Pauses between tries.
    pub retry: Change<Vec<Duration>>,
    /// Longest time for one try.
    pub timeout: Change<Duration>,
    /// How often it may be called.
    pub rate_limit: Change<RateLimit>,
    /// What is sent; the default is [`Format::Standard`].
    pub format: Change<Format>,
}

impl Changes {
    /// Makes the changes, with the URL and the headers as they were checked.
    pub(super) fn apply(&self, subscription: &mut Subscription, url: Option<&Url>, headers: Option<Vec<SealedHeader>>) {
        let changes = self.clone();
        if let Some(url) = url {
            subscription.url = url.to_string();
        }
        if let Some(events) = changes.events {
            subscription.events = events;
        }
        if let Some(headers) = headers {
            subscription.headers = headers;
        }
        changes.filter.map(Arc::new).make(&mut subscription.filter);
        changes.retry.make(&mut subscription.retry);
        changes.timeout.make(&mut subscription.timeout);
        changes.rate_limit.make(&mut subscription.rate_limit);
        match changes.description {
            Change::Keep => {}
            Change::Reset => subscription.description.clear(),
            Change::Set(description) => subscription.description = description,
        }
        match changes.format {
            Change::Keep => {}
            Change::Reset => subscription.format = Format::Standard,
            Change::Set(format) => subscription.format = format,
        }
    }
}

/// Headers as an owner writes them, checked.
pub(super) fn checked_headers(headers: &[Header]) -> Result<CustomHeaders, InvalidHeader> {
    CustomHeaders::new(headers.iter().map(|(name, value)| (name.as_str(), value)))
}

/// The headers after changes, checked.
pub(super) fn changed_headers(
    current: &CustomHeaders,
    changes: &[HeaderChange],
) -> Result<CustomHeaders, InvalidHeader> {
    let mut headers: Vec<Header> =
        current.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
    for change in changes {
        match change {
            HeaderChange::RemoveAll => headers.clear(),
            HeaderChange::Remove(name) => headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
            HeaderChange::Set((name, value)) => {
                match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
                    Some((_, known)) => *known = value.clone(),
                    None => headers.push((name.clone(), value.clone())),
                }
            }
        }
    }
    checked_headers(&headers)
}
