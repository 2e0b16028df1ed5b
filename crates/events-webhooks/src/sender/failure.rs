//! What went wrong with a call, by a word that statistics and people can rely on.

use std::{error::Error, io, time::Duration};

use events_core::{HandlerError, delivery::ErrorClass, ports::Advice};

use crate::address::NotAllowed;

/// The classes of failed calls.
pub mod class {
    use events_core::delivery::ErrorClass;

    /// The name could not be resolved.
    pub const DNS: ErrorClass = ErrorClass::new("dns");
    /// No connection: refused, or no way there.
    pub const CONNECT: ErrorClass = ErrorClass::new("connect");
    /// A connection, and no TLS on it: a bad certificate, or another protocol.
    pub const TLS: ErrorClass = ErrorClass::new("tls");
    /// Connecting or the whole call took too long.
    pub const TIMEOUT: ErrorClass = ErrorClass::TIMEOUT;
    /// The connection ended before the answer began.
    pub const RESET: ErrorClass = ErrorClass::new("reset");
    /// What came is no HTTP.
    pub const PROTOCOL: ErrorClass = ErrorClass::new("protocol");
    /// The answer's body ended too early.
    pub const BODY: ErrorClass = ErrorClass::new("body");
    /// A status from 300 to 399.
    pub const REDIRECT: ErrorClass = ErrorClass::new("redirect");
    /// A status from 400 to 499.
    pub const HTTP_4XX: ErrorClass = ErrorClass::new("http_4xx");
    /// A status from 500 to 599.
    pub const HTTP_5XX: ErrorClass = ErrorClass::new("http_5xx");
    /// Status 429.
    pub const RATE_LIMITED: ErrorClass = ErrorClass::new("rate_limited");
    /// Status 410.
    pub const GONE: ErrorClass = ErrorClass::new("gone");
    /// The address must not be called.
    pub const FORBIDDEN_ADDRESS: ErrorClass = ErrorClass::new("forbidden_address");
    /// The request could not be made at all.
    pub const REQUEST: ErrorClass = ErrorClass::new("request");
}

/// A failed call: its class, a sentence for people, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// One of [`class`].
    pub class: ErrorClass,
    /// What happened. Holds no secret and no URL.
    pub message: String,
    /// What follows for the delivery and the endpoint.
    pub advice: Advice,
}

impl Failure {
    pub(super) fn retry(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), advice: Advice::Retry }
    }

    /// A failure that no further try mends.
    pub(crate) fn fail(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), advice: Advice::Fail }
    }

    pub(super) fn forbidden(why: &NotAllowed) -> Self {
        Self::retry(class::FORBIDDEN_ADDRESS, why.0.to_string())
    }

    /// The deadline came first.
    pub(super) fn late(timeout: Duration, answered: bool) -> Self {
        let what = if answered { "the answer began and did not end" } else { "no answer came" };
        Self::retry(class::TIMEOUT, format!("{what} within {} ms", timeout.as_millis()))
    }

    /// The call ended without an answer's head.
    pub(super) fn unanswered(error: reqwest::Error) -> Self {
        let error = error.without_url();
        Self::retry(classify(&error), format!("no answer: {}", chain(&error)))
    }

    /// The answer's body could not be read to its end.
    pub(super) fn in_body(error: reqwest::Error) -> Self {
        Self::retry(class::BODY, format!("the answer broke off: {}", chain(&error.without_url())))
    }

    /// The failure as the port wants it.
    #[must_use]
    pub fn into_handler_error(self, status: Option<u16>) -> HandlerError {
        HandlerError {
            class: self.class,
            message: self.message,
            status,
            response: None,
            detail: None,
            advice: self.advice,
        }
    }
}

/// Decides by the types in the chain of causes, from the most telling one on.
fn classify(error: &reqwest::Error) -> ErrorClass {
    let has = |is: fn(&(dyn Error + 'static)) -> bool| causes(error).any(is);
    let has_kind = |kinds: &[io::ErrorKind]| {
        causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|io| kinds.contains(&io.kind()))
    };
    let cut_off = [io::ErrorKind::ConnectionReset, io::ErrorKind::ConnectionAborted, io::ErrorKind::BrokenPipe];
    if has(|cause| cause.is::<NotAllowed>()) {
        class::FORBIDDEN_ADDRESS
    } else if error.is_timeout() {
        class::TIMEOUT
    } else if error.is_dns() {
        class::DNS
    } else if has(|cause| cause.is::<rustls::Error>()) {
        class::TLS
    } else if has_kind(&cut_off) {
        class::RESET
    } else if error.is_connect() {
        // Nothing is read on a new connection but a handshake.
        if has_kind(&[io::ErrorKind::UnexpectedEof]) { class::TLS } else { class::CONNECT }
    } else if has(|cause| cause.downcast_ref().is_some_and(hyper::Error::is_parse)) {
        class::PROTOCOL
    } else if error.is_builder() {
        class::REQUEST
    } else {
        class::RESET
    }
}

/// An error and its causes. What an [`io::Error`] wraps is not its `source`, so it is looked for by itself.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

/// An error and its causes in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            if !text.is_empty() {
                text += ": ";
            }
            text += &cause;
        }
    }
    text
}
