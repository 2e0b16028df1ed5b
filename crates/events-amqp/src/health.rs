//! Whether the queue works, told once when it changes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use events_core::{delivery::HandlerName, ports::QueueError};
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::address::Address;

/// How the queue is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AmqpStatus {
    /// Word can be pushed, and received for every handler (where this process receives at all).
    pub connected: bool,
    /// Why the broker accepts no word at the moment: its memory or its disk is short.
    pub blocked: Option<String>,
    /// What went wrong last, even if it is well again. Never with the password.
    pub last_error: Option<String>,
    /// What is not as it should be on the broker, and is used as it is.
    pub faults: Vec<String>,
}

/// Something that must work for the queue to work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Publishing,
    Consuming(HandlerName),
}

#[derive(Debug)]
pub(crate) struct Health {
    address: Address,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Each part, and why it does not work.
    parts: BTreeMap<Part, Option<String>>,
    status: AmqpStatus,
    /// What the last line of the log said.
    said_connected: Option<bool>,
    closed: bool,
}

impl Health {
    pub(crate) fn new(address: Address, parts: impl IntoIterator<Item = Part>) -> Self {
        let parts = parts.into_iter().map(|part| (part, Some("not connected yet".to_owned()))).collect();
        Self { address, state: Mutex::new(State { parts, ..State::default() }), changed: Notify::new() }
    }

    pub(crate) fn status(&self) -> AmqpStatus {
        self.state().status.clone()
    }

    /// Waits until everything works.
    pub(crate) async fn connected(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable(); // before the look, so that a change in between is not missed
            if self.state().status.connected {
                return;
            }
            changed.await;
        }
    }

    /// Whether a push may be tried.
    pub(crate) fn may_push(&self) -> Result<(), QueueError> {
        let state = self.state();
        match (&state.status.blocked, state.parts.get(&Part::Publishing)) {
            (_, Some(Some(reason))) => Err(QueueError::Unavailable(reason.clone())),
            (Some(reason), _) => Err(blocked(reason)),
            _ => Ok(()),
        }
    }

    pub(crate) fn up(&self, part: Part) {
        let mut state = self.state();
        state.parts.insert(part, None);
        if state.parts.values().any(Option::is_some) || state.status.connected {
            return;
        }
        state.status.connected = true;
        if state.said_connected.replace(true) != Some(true) {
            info!(broker = %self.address, "connected to RabbitMQ");
        }
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn down(&self, part: Part, reason: &str) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        let told = self.address.clean(reason);
        if part == Part::Publishing {
            state.status.blocked = None;
        }
        if state.said_connected != Some(false) {
            warn!(
                broker = %self.address, part = ?part, reason = %told,
                "RabbitMQ cannot be used; workers look for work themselves until it can"
            );
            state.said_connected = Some(false);
        }
        state.parts.insert(part, Some(told.clone()));
        state.status.connected = false;
        state.status.last_error = Some(told);
    }

    /// The broker is short of something: it listens to nobody who publishes.
    pub(crate) fn blocked(&self, reason: &str) {
        let mut state = self.state();
        let told = self.address.clean(reason);
        if state.status.blocked.is_none() {
            warn!(broker = %self.address, reason = %told, "RabbitMQ has an alarm and takes no word");
        }
        state.status.last_error = Some(format!("the broker has an alarm: {told}"));
        state.status.blocked = Some(told);
    }

    pub(crate) fn unblocked(&self) {
        if self.state().status.blocked.take().is_some() {
            info!(broker = %self.address, "RabbitMQ's alarm is over");
        }
    }

    /// What is not as it should be on the broker. Each is told once.
    pub(crate) fn faults(&self, faults: &[String]) {
        let faults: Vec<String> = faults.iter().map(|fault| self.address.clean(fault)).collect();
        let mut state = self.state();
        for fault in faults.iter().filter(|fault| !state.status.faults.contains(fault)) {
            warn!(broker = %self.address, fault, "something on RabbitMQ is not as it should be");
        }
        state.status.faults = faults;
    }

    /// Nothing works any more, on purpose.
    pub(crate) fn closed(&self) {
        let mut state = self.state();
        state.closed = true;
        state.status.connected = false;
        for reason in state.parts.values_mut() {
            *reason = Some("it was closed".to_owned());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

pub(crate) fn blocked(reason: &str) -> QueueError {
    QueueError::Unavailable(format!("the broker has an alarm: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        let address = Address::parse(&"amqp://events:hunter2hunter2@localhost".into()).expect("a good URL");
        Health::new(address, [Part::Publishing, Part::Consuming("slack".into())])
    }

    #[test]
    fn it_is_connected_when_every_part_works() {
        let health = health();
        health.up(Part::Publishing);
        assert!(!health.status().connected);
        health.up(Part::Consuming("slack".into()));
        assert!(health.status().connected);
        health.down(Part::Consuming("slack".into()), "the queue was deleted");
        assert!(!health.status().connected);
        assert!(health.may_push().is_ok(), "publishing is not concerned");
    }

    #[test]
    fn an_alarm_stops_pushing_and_is_forgotten_with_its_connection() {
        let health = health();
        health.up(Part::Publishing);
        health.blocked("low on memory");
        assert!(health.may_push().expect_err("an alarm").to_string().contains("low on memory"));
        health.unblocked();
        assert!(health.may_push().is_ok());
        health.blocked("low on disk");
        health.down(Part::Publishing, "reset");
        health.up(Part::Publishing);
        assert!(health.may_push().is_ok());
        assert_eq!(health.status().blocked, None);
    }

    #[test]
    fn no_reason_shows_the_password() {
        let health = health();
        health.down(Part::Publishing, "cannot reach amqp://events:hunter2hunter2@localhost");
        health.blocked("hunter2hunter2");
        health.faults(&["hunter2hunter2".to_owned()]);
        assert!(!format!("{health:?} {:?}", health.may_push()).contains("hunter2"));
    }
}
