//! `[amqp]`: the broker that carries word between processes, where there is one.

use anyhow::{Context, bail};
use events_amqp::{AmqpHandler, AmqpOptions, AmqpQueue};
use events_core::{EventHandler, HandlerName};
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
        let queue =
            |handler: &dyn EventHandler| AmqpHandler::with_concurrency(handler.name(), handler.policy().concurrency);
        self.start(handlers.into_iter().map(queue).collect(), true)
    }

    /// Begins to connect to look at the queues of these handlers only.
    pub(crate) fn look(self, handlers: &[HandlerName]) -> anyhow::Result<AmqpQueue> {
        // How much a process takes at once makes no difference to a queue that nothing is taken from.
        self.start(handlers.iter().map(|handler| AmqpHandler::with_concurrency(handler.clone(), 1)).collect(), false)
    }

    fn start(self, handlers: Vec<AmqpHandler>, consume: bool) -> anyhow::Result<AmqpQueue> {
        AmqpQueue::start(AmqpOptions { consume, handlers, ..self.options }).context("amqp")
    }
}

fn shown(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return String::new() };
    let _ = url.set_password(None); // a URL of a broker has a host, or it is refused
    url.set_query(None);
    url.to_string()
}
