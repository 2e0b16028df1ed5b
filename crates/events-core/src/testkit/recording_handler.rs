//! A handler that does what its script says and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::{
    delivery::{Delivery, HandlerName},
    ports::{Delivered, EventHandler, HandlerError, HandlerPolicy},
};

/// Answers from a script, then always with success; keeps every delivery it was given.
///
/// ```
/// use events_core::{EventHandler, testkit::RecordingHandler, delivery::ErrorClass, HandlerError};
///
/// let slack = RecordingHandler::new("slack")
///     .answering([Err(HandlerError::retry(ErrorClass::TIMEOUT, "no answer"))]);
/// assert_eq!(slack.name(), "slack".into());
/// assert!(slack.deliveries().is_empty());
/// ```
#[derive(Debug)]
pub struct RecordingHandler {
    name: HandlerName,
    policy: HandlerPolicy,
    script: Mutex<VecDeque<Scripted>>,
    /// The deliveries of each call, from the moment it began.
    calls: watch::Sender<Vec<Vec<Delivery>>>,
    /// Each call takes a permit before it answers; `None`: nothing holds it.
    gate: Option<Semaphore>,
}

#[derive(Debug)]
enum Scripted {
    Answer(Result<Delivered, HandlerError>),
    Panic,
}

impl RecordingHandler {
    /// A handler of this name that always succeeds.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            policy: HandlerPolicy::default(),
            script: Mutex::default(),
            calls: watch::Sender::default(),
            gate: None,
        }
    }

    /// Called as this policy says.
    #[must_use]
    pub fn with_policy(mut self, policy: HandlerPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Answers the next deliveries with these results, in the order in which their calls begin.
    #[must_use]
    pub fn answering(self, results: impl IntoIterator<Item = Result<Delivered, HandlerError>>) -> Self {
        self.scripted(results.into_iter().map(Scripted::Answer))
    }

    /// Panics at the next delivery.
    #[must_use]
    pub fn panicking(self) -> Self {
        self.scripted([Scripted::Panic])
    }

    /// Holds every call until [`open`](Self::open) lets it go.
    #[must_use]
    pub fn gated(mut self) -> Self {
        self.gate = Some(Semaphore::new(0));
        self
    }

    fn scripted(self, more: impl IntoIterator<Item = Scripted>) -> Self {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
        self
    }

    /// Lets this many calls go, held ones or later ones.
    pub fn open(&self, calls: usize) {
        if let Some(gate) = &self.gate {
            gate.add_permits(calls);
        }
    }

    /// Waits until this many calls have begun, and answers with the deliveries of each call.
    ///
    /// # Panics
    /// Never: the handler itself keeps the calls.
    pub async fn begun(&self, calls: usize) -> Vec<Vec<Delivery>> {
        let mut begun = self.calls.subscribe();
        let begun = begun.wait_for(|begun| begun.len() >= calls).await;
        begun.expect("the sender lives as long as the handler").clone()
    }

    /// The deliveries of each call so far; those of a digest are together.
    #[must_use]
    pub fn calls(&self) -> Vec<Vec<Delivery>> {
        self.calls.borrow().clone()
    }

    /// The deliveries so far, in the order in which they came.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.calls().concat()
    }

    async fn call(&self, deliveries: &[Delivery]) -> Vec<Result<Delivered, HandlerError>> {
        let scripted: Vec<_> = deliveries.iter().map(|_| self.next()).collect();
        self.calls.send_modify(|calls| calls.push(deliveries.to_vec()));
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is never closed for good").forget();
        }
        let answer = |scripted| match scripted {
            Scripted::Answer(result) => result,
            Scripted::Panic => panic!("the script of {} says so", self.name),
        };
        scripted.into_iter().map(answer).collect()
    }

    fn next(&self) -> Scripted {
        let scripted = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        scripted.unwrap_or_else(|| Scripted::Answer(Ok(Delivered::default())))
    }
}

#[async_trait]
impl EventHandler for RecordingHandler {
    fn name(&self) -> HandlerName {
        self.name.clone()
    }

    fn policy(&self) -> HandlerPolicy {
        self.policy.clone()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Delivered, HandlerError> {
        self.call(std::slice::from_ref(delivery)).await.remove(0)
    }

    async fn handle_digest(&self, deliveries: &[Delivery]) -> Vec<Result<Delivered, HandlerError>> {
        self.call(deliveries).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        delivery::ErrorClass,
        ports::EventStore,
        testkit::{MemoryStore, at, claim, delivery, event},
    };

    async fn claimed(count: usize) -> Vec<Delivery> {
        let store = MemoryStore::new();
        store.append(vec![event("user.signup").build()]).await.unwrap();
        let seq = store.unrouted(1).await.unwrap().events[0].seq;
        let deliveries = vec![delivery("slack", "#general"); count];
        let routed = crate::ports::RoutedEvent { seq, deliveries, cancellations: vec![] };
        store.route(vec![routed], at(0)).await.unwrap();
        store.claim(claim("slack").build()).await.unwrap()
    }

    #[tokio::test]
    async fn answers_follow_the_script_then_succeed() {
        let failure = HandlerError::retry(ErrorClass::TIMEOUT, "no answer");
        let slack = RecordingHandler::new("slack").answering([Err(failure.clone()), Ok(Delivered::status(201))]);
        let deliveries = claimed(3).await;
        assert_eq!(slack.handle(&deliveries[0]).await, Err(failure));
        let digest = slack.handle_digest(&deliveries[1..]).await;
        assert_eq!(digest, [Ok(Delivered::status(201)), Ok(Delivered::default())]);
        assert_eq!(slack.calls().iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(slack.deliveries(), deliveries);
    }

    #[tokio::test]
    async fn a_gate_holds_calls_that_have_begun() {
        let slack = Arc::new(RecordingHandler::new("slack").gated());
        let delivery = claimed(1).await.remove(0);
        let call = tokio::spawn({
            let (slack, delivery) = (Arc::clone(&slack), delivery.clone());
            async move { slack.handle(&delivery).await }
        });
        assert_eq!(slack.begun(1).await, [[delivery]]);
        assert!(!call.is_finished());
        slack.open(1);
        assert_eq!(call.await.unwrap(), Ok(Delivered::default()));
    }

    #[tokio::test]
    async fn a_scripted_panic_comes_once() {
        let slack = Arc::new(RecordingHandler::new("slack").panicking());
        let delivery = claimed(1).await.remove(0);
        let call = tokio::spawn({
            let (slack, delivery) = (Arc::clone(&slack), delivery.clone());
            async move { slack.handle(&delivery).await }
        });
        assert!(call.await.unwrap_err().is_panic());
        assert_eq!(slack.handle(&delivery).await, Ok(Delivered::default()));
    }
}
