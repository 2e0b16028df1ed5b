//! How much waits in a handler's queue, and whether the queue is the one it should be.

use events_core::delivery::HandlerName;
use lapin::{Connection, protocol::AMQPSoftError};

use crate::{
    link::{is_refused_because, reason},
    topology::{Names, count, declare},
};

/// How much word waits for a handler, and whether its queue is the one it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueDepth {
    /// Whose word.
    pub handler: HandlerName,
    /// The name of the queue.
    pub queue: String,
    /// References that no process has. Those that a process holds are not counted.
    pub waiting: u32,
    /// Processes that take from it.
    pub consumers: u32,
    /// What is not as it should be, in the words of the broker: the queue is missing, or has no
    /// dead-letter exchange, another type or another limit.
    pub fault: Option<String>,
}

impl QueueDepth {
    /// An empty queue that is as it should be.
    #[must_use]
    pub fn new(handler: HandlerName, queue: String) -> Self {
        Self { handler, queue, waiting: 0, consumers: 0, fault: None }
    }

    /// Asks the broker.
    ///
    /// The protocol does not read a queue's options to anybody. But declaring a queue that exists
    /// changes nothing and is refused when the options differ, naming the first that does. A user
    /// who may declare nothing is refused for that reason, which says nothing about the queue.
    pub(crate) async fn ask(connection: &Connection, names: &Names, handler: &HandlerName) -> lapin::Result<Self> {
        let mut depth = Self::new(handler.clone(), names.queue(handler));
        let channel = connection.create_channel().await?;
        match count(&channel, &depth.queue).await {
            Ok((waiting, consumers)) => (depth.waiting, depth.consumers) = (waiting, consumers),
            Err(error) if error.is_amqp_soft_error() => {
                depth.fault = Some(reason(&error));
                return Ok(depth);
            }
            Err(error) => return Err(error),
        }
        match declare(&channel, names, handler).await {
            Err(error) if is_refused_because(&error, &AMQPSoftError::PRECONDITIONFAILED) => {
                depth.fault = Some(reason(&error));
            }
            Err(error) if !error.is_amqp_soft_error() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Ok(depth)
    }
}
