//! What an operator decides about the queue.

use std::{collections::BTreeSet, time::Duration};

use events_core::delivery::HandlerName;
use secrecy::SecretString;

use crate::{
    address::{Address, UrlError},
    topology::{LONGEST_NAME, Names},
};

/// How to reach the broker and what to do there.
///
/// ```no_run
/// # use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
/// # fn main() -> Result<(), events_amqp::OptionsError> {
/// let mut options = AmqpOptions::new("amqp://events:secret@rabbit/%2f".into());
/// options.handlers = vec![AmqpHandler::with_concurrency("slack".into(), 32)];
/// let queue = AmqpQueue::start(options)?; // inside a tokio runtime
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct AmqpOptions {
    /// `amqp://user:password@host:port/vhost`, or `amqps://` for TLS. A vhost that begins with a
    /// slash, such as the default one, is written `%2f`; no vhost at all means the default one.
    /// With TLS the broker's certificate must be signed by an authority that the system trusts;
    /// the environment variable `SSL_CERT_FILE` names others.
    /// `?heartbeat=` changes how many seconds of silence are suspicious (10).
    pub url: SecretString,
    /// The exchange, and the beginning of the name of everything else that is declared.
    /// Two systems that share a vhost have different ones. `events` unless told otherwise.
    pub exchange: String,
    /// For which handlers there is a queue.
    pub handlers: Vec<AmqpHandler>,
    /// Whether this process receives. One that only publishes (an API without workers) does not,
    /// or word would wait in it for nobody.
    pub consume: bool,
    /// Declares nothing and checks instead: for brokers where the topology is made by somebody
    /// else, and this user may only write and read.
    pub passive: bool,
    /// If the broker confirms nothing for so long, the outcome is unknown and the connection is
    /// made anew. 5 s: a healthy broker confirms within milliseconds, and a quorum queue that
    /// elects a new leader within about a second.
    pub confirm_timeout: Duration,
}

/// A handler that has a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmqpHandler {
    /// The handler.
    pub name: HandlerName,
    /// References that this process holds at most without having acknowledged them. The broker
    /// takes 0 for "no limit"; here it means 1.
    pub prefetch: u16,
}

impl AmqpHandler {
    /// A handler that does so many things at once. It holds twice as many references, so that
    /// the next one is there when one is settled, and the rest stays for other processes.
    #[must_use]
    pub fn with_concurrency(name: HandlerName, concurrency: usize) -> Self {
        Self { name, prefetch: u16::try_from(concurrency.saturating_mul(2)).unwrap_or(u16::MAX) }
    }
}

impl AmqpOptions {
    /// A process that publishes and consumes, so far for no handler.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            exchange: "events".to_owned(),
            handlers: Vec::new(),
            consume: true,
            passive: false,
            confirm_timeout: Duration::from_secs(5),
        }
    }

    /// Whether these options can be used, before anything is started.
    ///
    /// # Errors
    /// [`OptionsError`], which says what is wrong without showing the URL.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.checked().map(drop)
    }

    /// The address and the names, when they can be used.
    pub(crate) fn checked(&self) -> Result<(Address, Names), OptionsError> {
        let address = Address::parse(&self.url)?;
        let names = Names::new(&self.exchange);
        if self.exchange.is_empty() || self.exchange.starts_with("amq.") {
            return Err(OptionsError::Exchange(self.exchange.clone()));
        }
        let mut seen = BTreeSet::new();
        for handler in &self.handlers {
            let queue = names.queue(&handler.name);
            if queue.len() > LONGEST_NAME {
                return Err(OptionsError::TooLong(queue));
            }
            if [names.unrouted(), names.dead()].contains(&queue) {
                return Err(OptionsError::Taken(handler.name.clone()));
            }
            if !seen.insert(&handler.name) {
                return Err(OptionsError::Twice(handler.name.clone()));
            }
        }
        if names.unrouted().len() > LONGEST_NAME {
            return Err(OptionsError::TooLong(names.unrouted()));
        }
        Ok((address, names))
    }
}

/// Why no queue can be made of the options. None of it shows the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The URL cannot be used.
    #[error("the URL of the broker is wrong: {0}")]
    Url(#[from] UrlError),
    /// The exchange has no name, or one that belongs to the broker.
    #[error("`{0}` cannot be the name of the exchange; it must not be empty or begin with `amq.`")]
    Exchange(String),
    /// The broker's names have 255 bytes.
    #[error("the name `{0}` has {len} bytes, and the broker allows {LONGEST_NAME}; shorten the handler or the exchange", len = .0.len())]
    TooLong(String),
    /// `dead` and `unrouted` have queues of their own.
    #[error("a handler cannot be named `{0}`, there is another queue of this name")]
    Taken(HandlerName),
    /// Two entries would consume the same queue.
    #[error("the handler `{0}` is named twice")]
    Twice(HandlerName),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exchange: &str, handlers: &[&str], expected: Result<(), OptionsError>) {
        let mut options = AmqpOptions::new("amqp://localhost".into());
        options.exchange = exchange.to_owned();
        options.handlers = handlers.iter().map(|name| AmqpHandler::with_concurrency((*name).into(), 1)).collect();
        assert_eq!(options.checked().map(|_| ()), expected);
    }

    #[test]
    fn names_that_cannot_be_used_are_refused() {
        check("events", &["slack", "webhooks"], Ok(()));
        check("", &[], Err(OptionsError::Exchange(String::new())));
        check("amq.direct", &[], Err(OptionsError::Exchange("amq.direct".to_owned())));
        check("events", &["dead"], Err(OptionsError::Taken("dead".into())));
        check("events", &["unrouted"], Err(OptionsError::Taken("unrouted".into())));
        check("events", &["slack", "slack"], Err(OptionsError::Twice("slack".into())));
        let long = "x".repeat(250);
        check(&long, &[], Err(OptionsError::TooLong(format!("{long}.unrouted"))));
        check("events", &[&long], Err(OptionsError::TooLong(format!("events.{long}"))));
    }

    #[test]
    fn twice_the_concurrency_is_prefetched() {
        assert_eq!(AmqpHandler::with_concurrency("slack".into(), 32).prefetch, 64);
        assert_eq!(AmqpHandler::with_concurrency("slack".into(), usize::MAX).prefetch, u16::MAX);
    }

    #[test]
    fn debug_text_shows_no_password() {
        let options = AmqpOptions::new("amqp://events:hunter2hunter2@localhost".into());
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
