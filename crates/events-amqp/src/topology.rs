//! What must exist on the broker, with the reason for every option.
//!
//! Whoever connects declares all of it again: a queue that an operator deleted is back a moment
//! later, and nobody has to prepare a broker. Declaring what exists changes nothing. Where it
//! exists with other options, or this user may declare nothing, it is used as it is, and the
//! difference is told as a fault.

use events_core::delivery::HandlerName;
use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::AMQPSoftError,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::link::{is_refused_because, reason};

/// Bytes in a name, by the protocol.
pub(crate) const LONGEST_NAME: usize = 255;

/// How often a reference comes back before it is a dead letter. Coming back is rare: a worker died
/// holding it, or handed it back while stopping. A rolling restart hands the same word on a few
/// times, so a handful would be too few; a reference that takes down every process that reads it
/// must end some day. 20 is also what RabbitMQ 4 does by itself; 3 never gives up unless told.
/// A reference given up too early costs nothing, for its deliveries are found by looking.
const DELIVERY_LIMIT: i64 = 20;

/// References that one handler's queue keeps. Word piles up while no worker runs, and a hundred
/// thousand "there is something to do" (20 MB) say it no better than one; without an end they
/// would fill the broker's disk and stop everybody else's queues, too.
const MOST_WAITING: i64 = 100_000;

/// What happens to one more: it is not confirmed, and whoever pushed learns that the queue has
/// enough. The default drops the oldest, and would write each one into the queue of dead letters.
const OVERFLOW: &str = "reject-publish";

/// Letters kept in each of the two queues that people look into. The newest stay.
const MOST_LETTERS: i64 = 10_000;

/// How long such a letter is kept: until after the weekend.
const LETTER_MILLISECONDS: i64 = 7 * 24 * 60 * 60 * 1000;

/// How everything is named.
#[derive(Clone, Debug)]
pub(crate) struct Names(String);

impl Names {
    pub(crate) fn new(exchange: &str) -> Self {
        Self(exchange.to_owned())
    }

    /// Where references are published, under the name of their handler.
    pub(crate) fn exchange(&self) -> &str {
        &self.0
    }

    pub(crate) fn queue(&self, handler: &HandlerName) -> String {
        format!("{}.{handler}", self.0)
    }

    /// The exchange and the queue of references for which there is no queue.
    pub(crate) fn unrouted(&self) -> String {
        format!("{}.unrouted", self.0)
    }

    /// The exchange and the queue of references that could not be read or came back too often.
    pub(crate) fn dead(&self) -> String {
        format!("{}.dead", self.0)
    }
}

/// One thing on the broker.
#[derive(Debug)]
enum Part {
    Exchange { name: String, kind: ExchangeKind, arguments: FieldTable },
    Queue { name: String, arguments: FieldTable },
    Binding { queue: String, exchange: String, key: String },
}

impl Part {
    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        match self {
            // Durable: it is still there after the broker restarts.
            Self::Exchange { name, kind, arguments } => {
                let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
                channel.exchange_declare(short(name), kind.clone(), options, arguments.clone()).await
            }
            Self::Queue { name, arguments } => {
                let options = QueueDeclareOptions { durable: true, ..Default::default() };
                channel.queue_declare(short(name), options, arguments.clone()).await.map(|_| ())
            }
            Self::Binding { queue, exchange, key } => {
                let (queue, exchange, key) = (short(queue), short(exchange), short(key));
                channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await
            }
        }
    }

    /// Whether it is there. Of a binding the protocol does not tell.
    async fn exists(&self, channel: &Channel) -> lapin::Result<()> {
        match self {
            Self::Exchange { name, kind, .. } => {
                let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
                channel.exchange_declare(short(name), kind.clone(), options, FieldTable::default()).await
            }
            Self::Queue { name, .. } => count(channel, name).await.map(|_| ()),
            Self::Binding { .. } => Ok(()),
        }
    }
}

/// Declares everything that references for these handlers need, or checks that it is there.
/// Answers with the faults that can be lived with.
///
/// # Errors
/// The exchange is missing, or the connection is lost; in words for whoever runs the system.
pub(crate) async fn ensure(
    connection: &Connection,
    names: &Names,
    handlers: &[HandlerName],
    passive: bool,
) -> Result<Vec<String>, String> {
    let open = async || connection.create_channel().await.map_err(|error| reason(&error));
    let mut faults = Vec::new();
    let mut channel = open().await?;
    let mut parts = parts(names, handlers);
    if passive {
        // What is declared last is looked for first: somebody may be about to declare it all, and
        // whoever finds the exchange shall find what belongs to it.
        parts.reverse();
    }
    for part in parts {
        let mut refused = None;
        if !passive {
            let Err(error) = part.declare(&channel).await else { continue };
            // The broker closes the channel on which it refuses something.
            channel = open().await?;
            refused = Some(refusal(&error));
        }
        match part.exists(&channel).await {
            Ok(()) => faults.extend(refused.map(|refusal| format!("used as it is: {refusal}"))),
            Err(error) => {
                let missing = absence(&error, passive);
                let fault = refused.map_or(missing.clone(), |refusal| format!("{missing}; {refusal}"));
                if matches!(&part, Part::Exchange { name, .. } if name == names.exchange()) {
                    return Err(fault);
                }
                channel = open().await?;
                faults.push(fault);
            }
        }
    }
    Ok(faults)
}

/// Why something could not be declared, and what helps where this user may not.
fn refusal(error: &lapin::Error) -> String {
    let mut told = reason(error);
    if is_refused_because(error, &AMQPSoftError::ACCESSREFUSED) {
        told += "; grant `configure` to this user, or have it made by another and set amqp.passive = true";
    }
    told
}

/// Why something could not be used, and what helps where nothing is declared.
pub(crate) fn absence(error: &lapin::Error, passive: bool) -> String {
    let mut told = reason(error);
    if passive && is_refused_because(error, &AMQPSoftError::NOTFOUND) {
        told += "; amqp.passive is set, so nothing is declared: have it made, or start a worker once without \
                 amqp.passive as a user who may `configure`";
    }
    told
}

fn parts(names: &Names, handlers: &[HandlerName]) -> Vec<Part> {
    let mut parts = Vec::new();
    for letters in [names.unrouted(), names.dead()] {
        // Fanout: whatever a letter was addressed to, it belongs into the one queue behind.
        parts.push(Part::Exchange {
            name: letters.clone(),
            kind: ExchangeKind::Fanout,
            arguments: FieldTable::default(),
        });
        parts.push(Part::Queue { name: letters.clone(), arguments: for_letters() });
        parts.push(Part::Binding { queue: letters.clone(), exchange: letters, key: String::new() });
    }
    for handler in handlers {
        parts.push(Part::Queue { name: names.queue(handler), arguments: for_references(names) });
    }
    // After the queues: whatever is published finds them.
    // Direct: the handler's name is the whole address.
    let exchange = names.exchange().to_owned();
    parts.push(Part::Exchange { name: exchange.clone(), kind: ExchangeKind::Direct, arguments: for_exchange(names) });
    for handler in handlers {
        let (queue, exchange) = (names.queue(handler), exchange.clone());
        parts.push(Part::Binding { queue, exchange, key: handler.to_string() });
    }
    parts
}

fn for_exchange(names: &Names) -> FieldTable {
    table([
        // References for a handler without a queue can be seen, instead of only counted.
        ("alternate-exchange", text(&names.unrouted())),
    ])
}

fn for_references(names: &Names) -> FieldTable {
    table([
        // Replicated where the broker has several nodes, and what is confirmed is on the disk of
        // most of them. A classic queue lives on one node, and is away when that one is.
        ("x-queue-type", text("quorum")),
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
        ("x-max-length", AMQPValue::LongLongInt(MOST_WAITING)),
        ("x-overflow", text(OVERFLOW)),
        // What cannot be read, and what came back too often, can be looked at.
        ("x-dead-letter-exchange", text(&names.dead())),
        // No time to live: old word is harmless and cheap, its reader finds nothing to do.
    ])
}

fn for_letters() -> FieldTable {
    table([
        // For people to look at. One copy on one node is enough for that, and costs the least.
        ("x-queue-type", text("classic")),
        ("x-max-length", AMQPValue::LongLongInt(MOST_LETTERS)),
        ("x-message-ttl", AMQPValue::LongLongInt(LETTER_MILLISECONDS)),
    ])
}

fn table<const N: usize>(arguments: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

/// Declares the queue of a handler. It is refused when there is one with other options.
pub(crate) async fn declare(channel: &Channel, names: &Names, handler: &HandlerName) -> lapin::Result<()> {
    Part::Queue { name: names.queue(handler), arguments: for_references(names) }.declare(channel).await
}

/// A name for the protocol. Names are checked when the options are; an impossible one that got
/// here all the same is cut, and the broker says that there is nothing of that name.
pub(crate) fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_else(|_| name.chars().take(LONGEST_NAME / 4).collect::<String>().into())
}

/// Messages that wait and consumers that listen.
pub(crate) async fn count(channel: &Channel, queue: &str) -> lapin::Result<(u32, u32)> {
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let queue = channel.queue_declare(short(queue), options, FieldTable::default()).await?;
    Ok((queue.message_count(), queue.consumer_count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_an_end_and_a_place_for_what_it_refuses() {
        let names = Names::new("events");
        let mut queues = 0;
        for part in parts(&names, &["slack".into(), "webhooks".into()]) {
            let Part::Queue { name, arguments } = part else { continue };
            let has = |argument: &str| arguments.contains_key(argument);
            assert!(has("x-max-length"), "{name}");
            let is_for_letters = [names.unrouted(), names.dead()].contains(&name);
            assert_eq!(has("x-dead-letter-exchange"), !is_for_letters, "{name}");
            queues += 1;
        }
        assert_eq!(queues, 4);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_panics_nowhere() {
        assert_eq!(short("events.slack").as_str(), "events.slack");
        assert!(short(&"ü".repeat(300)).as_str().len() < LONGEST_NAME);
    }
}
