//! The broker: whether it is there, and whether its queues are what they should be.

use std::time::Duration;

use events_amqp::{AmqpQueue, AmqpStatus, QueueDepth};
use events_core::{
    HandlerName,
    ports::{DeliveryQueue, QueueError, Reference},
};

use super::Finding;
use crate::config::Broker;

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects, as a worker does, and looks at the queues of these handlers.
pub(super) async fn examine(broker: Broker, handlers: Vec<HandlerName>) -> anyhow::Result<Vec<Finding>> {
    let queue = broker.look(&handlers)?;
    let findings = look(&queue, &handlers).await;
    queue.close().await;
    Ok(findings)
}

async fn look(queue: &AmqpQueue, handlers: &[HandlerName]) -> Vec<Finding> {
    if let Err(error) = queue.connected(PATIENCE).await {
        let remedy =
            "if it does not say, check amqp.url, and that the broker runs; workers poll the database meanwhile";
        return vec![Finding::problem("RabbitMQ", error.to_string(), remedy)];
    }
    // A broker with an alarm says so to whoever sends something. Word without cause does no harm.
    let word = handlers.iter().map(|handler| Reference { handler: handler.clone(), seqs: Vec::new() });
    let pushed = queue.push(word.collect()).await;
    let mut findings = of_status(&queue.status(), pushed.err().as_ref());
    match queue.depth().await {
        Ok(depths) => findings.extend(depths.iter().map(of_queue)),
        Err(error) => findings.push(Finding::warning("queues", error.to_string(), "see the broker's log")),
    }
    findings
}

/// What to think of a broker.
fn of_status(status: &AmqpStatus, refused: Option<&QueueError>) -> Vec<Finding> {
    let mut findings = vec![match (&status.blocked, refused) {
        (None, None) => Finding::ok("RabbitMQ", "it answers and takes messages"),
        (None, Some(error)) => Finding::problem("RabbitMQ", error.to_string(), "see the broker's log"),
        (Some(reason), _) => Finding::problem(
            "RabbitMQ",
            format!("it has an alarm and takes no messages: {reason}"),
            "give the broker memory or disk (rabbitmq-diagnostics alarms); workers poll the database meanwhile",
        ),
    }];
    findings.extend(status.faults.iter().map(|fault| {
        let remedy = "delete what differs, and it is declared anew at the next connect; have what is missing made";
        Finding::warning("topology", fault.clone(), remedy)
    }));
    findings
}

/// What to think of a queue.
fn of_queue(depth: &QueueDepth) -> Finding {
    let seen = format!("{}: {} references wait, {} processes take them", depth.queue, depth.waiting, depth.consumers);
    match &depth.fault {
        None => Finding::ok("queue", seen),
        Some(fault) => Finding::warning(
            "queue",
            format!("{seen}; it is not as it should be: {fault}"),
            "delete the queue; it is declared anew at the next connect, and nothing is lost with it",
        ),
    }
}
