//! `[amqp]`: the broker that carries word between processes, where there is one.

use anyhow::{Context, bail};
use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::EventHandler;
use secrecy::ExposeSecret;

use super::written;

/// How to reach the broker.
pub(crate) struct Broker {
    options: AmqpOptions,
    /// The URL without its password.
    pub(super) shown: String,
}

impl Broker {
    /// Reads the section; without a URL there is no broker.
    pub(super) fn meant_by(written: written::Amqp) -> anyhow::Result<Option<Self>> {
        let Some(url) = written.url else {
            if written.exchange.is_some() || written.passive.is_some() {
                bail!("amqp.url: it is missing; write amqp://user:password@host:port/vhost, or leave [amqp] out");
            }
            return Ok(None);
        };
        let shown = shown(url.expose_secret());
        let mut options = AmqpOptions::new(url);
        options.exchange = written.exchange.unwrap_or(options.exchange);
        options.passive = written.passive.unwrap_or(false);
        options.check().context("amqp")?;
        Ok(Some(Self { options, shown }))
    }

    /// Begins to connect, with a queue for each of these handlers, to push and to receive.
    pub(crate) fn connect<'h>(
        self,
        handlers: impl IntoIterator<Item = &'h dyn EventHandler>,
    ) -> anyhow::Result<AmqpQueue> {
        self.start(handlers, true)
    }

    /// The same, to look at the broker only.
    pub(crate) fn look<'h>(
        self,
        handlers: impl IntoIterator<Item = &'h dyn EventHandler>,
    ) -> anyhow::Result<AmqpQueue> {
        self.start(handlers, false)
    }

    fn start<'h>(
        self,
        handlers: impl IntoIterator<Item = &'h dyn EventHandler>,
        consume: bool,
    ) -> anyhow::Result<AmqpQueue> {
        let mut options = AmqpOptions { consume, ..self.options };
        let queue =
            |handler: &dyn EventHandler| AmqpHandler::with_concurrency(handler.name(), handler.policy().concurrency);
        options.handlers = handlers.into_iter().map(queue).collect();
        AmqpQueue::start(options).context("amqp")
    }
}

fn shown(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return String::new() };
    let _ = url.set_password(None); // a URL of a broker has a host, or it is refused
    url.set_query(None);
    url.to_string()
}
