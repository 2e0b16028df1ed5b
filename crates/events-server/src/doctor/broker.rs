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

/// What to do about a queue that is not as it should be.
const OF_QUEUE: &str = "delete a queue that differs, it is declared anew at the next connect and nothing is lost with it; \
                        have one made that is missing";

/// What to think of a queue.
fn of_queue(depth: &QueueDepth) -> Finding {
    let seen = format!("{}: {} references wait, {} processes take them", depth.queue, depth.waiting, depth.consumers);
    match &depth.fault {
        None => Finding::ok("queue", seen),
        Some(fault) => Finding::warning("queue", format!("{seen}; it is not as it should be: {fault}"), OF_QUEUE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State::{self, Ok, Problem, Warning};

    /// State, subject, what was seen, and the remedy.
    fn told(finding: &Finding) -> (State, &str, &str, Option<&str>) {
        (finding.state, finding.subject, &finding.seen, finding.remedy)
    }

    #[test]
    fn a_broker_that_takes_messages_is_well() {
        let findings = of_status(&AmqpStatus::default(), None);
        assert_eq!(
            findings.iter().map(told).collect::<Vec<_>>(),
            [(Ok, "RabbitMQ", "it answers and takes messages", None)]
        );
    }

    #[test]
    fn an_alarm_is_a_problem_with_its_reason_whatever_became_of_the_message() {
        let mut status = AmqpStatus::default();
        status.blocked = Some("low on memory".to_owned());
        let unconfirmed = QueueError::Unknown("no answer".to_owned());
        for refused in [None, Some(&unconfirmed)] {
            let findings = of_status(&status, refused);
            assert_eq!(
                findings.iter().map(told).collect::<Vec<_>>(),
                [(
                    Problem,
                    "RabbitMQ",
                    "it has an alarm and takes no messages: low on memory",
                    Some(
                        "give the broker memory or disk (rabbitmq-diagnostics alarms); \
                     workers poll the database meanwhile"
                    ),
                )]
            );
        }
    }

    #[test]
    fn a_broker_that_refuses_a_message_is_a_problem() {
        let refused = QueueError::Unavailable("access refused".to_owned());
        let findings = of_status(&AmqpStatus::default(), Some(&refused));
        assert_eq!(
            findings.iter().map(told).collect::<Vec<_>>(),
            [(Problem, "RabbitMQ", "the queue is unavailable: access refused", Some("see the broker's log"))]
        );
    }

    #[test]
    fn each_fault_of_the_topology_is_a_warning_of_its_own() {
        let mut status = AmqpStatus::default();
        status.faults = vec!["exchange events differs".to_owned(), "queue events.slack differs".to_owned()];
        let findings = of_status(&status, None);
        let remedy =
            Some("delete what differs, and it is declared anew at the next connect; have what is missing made");
        assert_eq!(
            findings[1..].iter().map(told).collect::<Vec<_>>(),
            [
                (Warning, "topology", "exchange events differs", remedy),
                (Warning, "topology", "queue events.slack differs", remedy),
            ]
        );
    }

    #[test]
    fn a_queue_without_dead_letters_is_a_warning_and_one_that_is_long_is_not() {
        let mut depth = QueueDepth::new("slack".into(), "events.slack".to_owned());
        (depth.waiting, depth.consumers) = (70_000, 2);
        let well = of_queue(&depth);
        assert_eq!(told(&well), (Ok, "queue", "events.slack: 70000 references wait, 2 processes take them", None));
        depth.fault = Some("inequivalent arg 'x-dead-letter-exchange' for queue 'events.slack'".to_owned());
        assert_eq!(
            told(&of_queue(&depth)),
            (
                Warning,
                "queue",
                "events.slack: 70000 references wait, 2 processes take them; it is not as it should be: \
             inequivalent arg 'x-dead-letter-exchange' for queue 'events.slack'",
                Some(
                    "delete a queue that differs, it is declared anew at the next connect and nothing is lost with it; \
                     have one made that is missing"
                ),
            )
        );
    }
}
