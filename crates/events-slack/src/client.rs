//! One POST to Slack: exactly there, within ten seconds, and nothing secret in what is told of it.

use std::{error::Error, io, time::Duration};

use events_core::{HandlerError, delivery::ErrorClass};
use reqwest::{
    Response,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    redirect, retry,
};

use crate::{answer::Answer, config::ConfigError, destination::Destination, escape};

/// A whole request takes no longer, the answer's body included (R023).
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// Connecting takes no longer, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As much of an answer is read, in bytes.
const BODY_BYTES: usize = 64 * 1024;
/// As much of an answer is kept, in characters.
const EXCERPT_CHARS: usize = 256;

const USER_AGENT: &str = concat!("events/", env!("CARGO_PKG_VERSION"));

/// The connection pool to Slack. Follows no redirect, reads no proxy from the environment
/// and tries nothing twice: all of that would send the message elsewhere or double it.
#[derive(Clone, Debug)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new() -> Result<Self, ConfigError> {
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .build();
        client.map(Self).map_err(|error| ConfigError::Client(chain(&error.without_url())))
    }

    /// Posts a JSON body and reads the answer, whatever its status.
    ///
    /// # Errors
    /// [`HandlerError`] that another try can help: nobody answered. Slack may have taken the
    /// message all the same; that is what *at least once* means.
    pub(crate) async fn post(&self, to: Destination<'_>, body: Vec<u8>) -> Result<Answer, HandlerError> {
        let mut request = self.0.post(to.url().clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(authorization) = to.authorization() {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value: &HeaderValue| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let body = read(response).await.map_err(|error| unanswered(error).with_status(status))?;
        let excerpt = if to.is_betrayed_by(&body) {
            "(withheld: the answer repeats the credential of the destination)".to_owned()
        } else {
            escape::clean(body.trim(), EXCERPT_CHARS)
        };
        Ok(Answer { status, retry_after, body, excerpt })
    }
}

/// The beginning of the body. Reading a short one to its end lets the connection be used again.
async fn read(mut response: Response) -> Result<String, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BODY_BYTES {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// A request without an answer, as a failure to be tried again. The address is the
/// credential, and such errors print it unless it is taken out.
fn unanswered(error: reqwest::Error) -> HandlerError {
    let error = error.without_url();
    HandlerError::retry(class(&error), format!("no answer from Slack: {}", chain(&error)))
}

fn class(error: &reqwest::Error) -> ErrorClass {
    if error.is_timeout() {
        ErrorClass::TIMEOUT
    } else if error.is_dns() {
        ErrorClass::new("dns")
    } else if error.is_connect() {
        ErrorClass::new(if is_tls(error) { "tls" } else { "connect" })
    } else {
        ErrorClass::new("reset")
    }
}

/// Whether connecting failed in TLS, which reports invalid data through `std::io`.
fn is_tls(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        let mut inner = cause.downcast_ref::<io::Error>();
        while let Some(io) = inner {
            if io.kind() == io::ErrorKind::InvalidData {
                return true;
            }
            inner = io.get_ref().and_then(|inner| inner.downcast_ref());
        }
        source = cause.source();
    }
    false
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
