//! One execution: a slot, a guard, a deadline, a handler, a verdict.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::{
    held::Held,
    settler::{Permit, Settler},
    turns::Turns,
};
use crate::{
    delivery::{Delivery, ErrorClass, RetryPolicy, Settlement, Target, Verdict, decide},
    ports::{Advice, Clock, Delivered, EventHandler, EventHistory, HandlerError, HandlerPolicy, TargetPolicy},
};

type Outcome = Result<Delivered, HandlerError>;

/// What the executions of one lane share.
pub(super) struct Execution {
    pub(super) handler: Arc<dyn EventHandler>,
    /// The handler's own, for targets whose policy it fails to tell.
    pub(super) policy: HandlerPolicy,
    pub(super) history: Arc<dyn EventHistory>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settler: Settler,
    pub(super) held: Held,
    pub(super) turns: Turns<Delivery>,
    pub(super) slots: Semaphore,
    pub(super) stop: CancellationToken,
}

impl Execution {
    /// Handles what waits for its turn with a target, one delivery after the other, until nothing is left. When the
    /// target asks for rest or refuses, what waits is handed back.
    pub(super) async fn calls(self: Arc<Self>, target: Target) {
        while let Some(delivery) = self.turns.next(&target) {
            let Some(_slot) = self.slot().await else {
                self.hand_back(&delivery).await;
                continue;
            };
            if self.handle(&delivery).await.is_some_and(wants_rest) {
                self.hand_back_all(self.turns.take(&target)).await;
            }
        }
    }

    /// Hands back what nobody has begun, so that nobody need wait for the end of what is under way.
    pub(super) async fn hand_back_all(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        for delivery in deliveries {
            self.hand_back(&delivery).await;
        }
    }

    /// Handles deliveries of one target one after the other. When the target asks for rest or
    /// refuses, those that follow are handed back; when the worker stops, at once, so that they
    /// need not wait for the end of the one that is under way.
    pub(super) async fn in_order(self: Arc<Self>, deliveries: Vec<Delivery>) {
        let mut slot = self.slot().await;
        let mut rest = deliveries.iter();
        while let Some(delivery) = rest.next() {
            if slot.is_none() || self.stop.is_cancelled() {
                self.hand_back(delivery).await;
                continue;
            }
            let handling = self.handle(delivery);
            tokio::pin!(handling);
            let advice = tokio::select! {
                biased;
                advice = &mut handling => advice,
                () = self.stop.cancelled() => {
                    let hand_back_the_rest = async {
                        for delivery in rest.by_ref() {
                            self.hand_back(delivery).await;
                        }
                    };
                    tokio::join!(handling, hand_back_the_rest).0
                }
            };
            if advice.is_some_and(wants_rest) {
                slot = None;
            }
        }
    }

    /// Handles deliveries of one target in one call.
    pub(super) async fn digest(self: Arc<Self>, deliveries: Vec<Delivery>) {
        let Some(_slot) = self.slot().await else {
            for delivery in &deliveries {
                self.hand_back(delivery).await;
            }
            return;
        };
        let mut kept = Vec::with_capacity(deliveries.len());
        let Some(first) = deliveries.first() else { return };
        let is_held = |delivery: &Delivery| self.held.has(delivery.lease_ref());
        let policy = match self.policy_for(&first.target).await {
            Ok(policy) => policy,
            Err(error) => {
                for delivery in deliveries.iter().filter(|delivery| is_held(delivery)) {
                    self.settle(delivery, Err(error.clone()), Instant::now(), &self.policy.retry).await;
                }
                return;
            }
        };
        for delivery in deliveries.into_iter().filter(is_held) {
            match self.check(&delivery, &policy).await {
                None => kept.push(delivery),
                Some(outcome) => drop(self.settle(&delivery, outcome, Instant::now(), &policy.retry).await),
            }
        }
        let started = Instant::now();
        let outcomes = self.within(policy.timeout, self.handler.handle_digest(&kept)).await;
        let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); kept.len()]);
        let missing = HandlerError::retry(ErrorClass::LOST, "the handler gave no result for this delivery of a digest");
        let outcomes = outcomes.into_iter().chain(std::iter::repeat(Err(missing)));
        for (delivery, outcome) in kept.iter().zip(outcomes) {
            self.settle(delivery, outcome, started, &policy.retry).await;
        }
    }

    /// A place among those handled at once; `None` when the worker stops first.
    async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            slot = self.slots.acquire() => slot.ok(),
        }
    }

    /// Has a delivery handled and settled; answers the advice of a failure.
    async fn handle(&self, delivery: &Delivery) -> Option<Advice> {
        if !self.held.has(delivery.lease_ref()) {
            return None; // the lease was lost while it waited; somebody else has it
        }
        let started = Instant::now();
        let policy = match self.policy_for(&delivery.target).await {
            Ok(policy) => policy,
            Err(error) => return self.settle(delivery, Err(error), started, &self.policy.retry).await,
        };
        let outcome = match self.check(delivery, &policy).await {
            Some(outcome) => outcome,
            None => self.within(policy.timeout, self.handler.handle(delivery)).await.unwrap_or_else(Err),
        };
        self.settle(delivery, outcome, started, &policy.retry).await
    }

    /// How deliveries to this target are handled. When the handler does not tell, they fail by its own policy.
    async fn policy_for(&self, target: &Target) -> Result<TargetPolicy, HandlerError> {
        self.within(self.policy.timeout, self.handler.policy_for(target)).await
    }

    /// Awaits a call of the handler, but not for longer than its timeout, and survives its panic.
    async fn within<T>(&self, timeout: Duration, call: impl Future<Output = T>) -> Result<T, HandlerError> {
        match tokio::time::timeout(timeout, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => {
                let message = format!("the handler panicked: {}", panic_message(&*panic));
                Err(HandlerError::retry(ErrorClass::PANIC, message))
            }
            Err(_) => Err(HandlerError::retry(ErrorClass::TIMEOUT, format!("no result within {timeout:?}"))),
        }
    }

    /// What becomes of a delivery that is not to be handled: a follow-up whose guard forbids it or
    /// cannot be asked, and one whose worker was lost time and again, which may be its own doing.
    async fn check(&self, delivery: &Delivery, policy: &TargetPolicy) -> Option<Outcome> {
        let most = policy.retry.max_attempts;
        if delivery.attempt > most {
            let message = format!("given up after {most} attempts, the last of which no worker survived");
            return Some(Err(HandlerError::fail(ErrorClass::LOST, message)));
        }
        let guard = delivery.guard.as_ref()?;
        let organization = delivery.event.organization_id.as_deref();
        match self.history.happened_after(&guard.unless, organization, delivery.seq).await {
            Ok(false) => None,
            Ok(true) => Some(Ok(Delivered::dropped(format!("{} happened meanwhile", guard.unless)))),
            Err(error) => Some(Err(HandlerError::retry(ErrorClass::new("guard"), error.to_string()))),
        }
    }

    async fn settle(
        &self,
        delivery: &Delivery,
        outcome: Outcome,
        started: Instant,
        retry: &RetryPolicy,
    ) -> Option<Advice> {
        let (duration, now) = (started.elapsed(), self.clock.now());
        let permit = self.settler.permit().await;
        let advice = outcome.as_ref().err().map(|error| error.advice);
        let message = outcome.as_ref().err().map(ToString::to_string);
        let settlement = decide(delivery, outcome, duration, retry, now);
        if let Some(message) = message {
            log_failure(delivery, &settlement, &message);
        }
        self.end(delivery, settlement, permit);
        advice
    }

    async fn hand_back(&self, delivery: &Delivery) {
        let now = self.clock.now();
        let permit = self.settler.permit().await;
        self.end(delivery, Settlement::hand_back(delivery, now), permit);
    }

    fn end(&self, delivery: &Delivery, settlement: Settlement, permit: Permit<'_>) {
        let ticket = self.held.ticket(delivery.lease_ref());
        permit.settle(settlement, ticket);
        self.held.free(delivery.lease_ref());
    }
}

/// Whether a target is to be left alone after a failure with this advice.
fn wants_rest(advice: Advice) -> bool {
    matches!(advice, Advice::RetryAfter(_) | Advice::Hold(_) | Advice::TargetDown)
}

/// One line for each failed attempt (R034, R115, R201).
fn log_failure(delivery: &Delivery, settlement: &Settlement, message: &str) {
    let Delivery { delivery_id, event, handler, target, attempt, .. } = delivery;
    let (id, event_type) = (event.event_id, &event.event_type);
    let class = settlement.report.error_class.as_ref().map_or("", ErrorClass::as_str);
    if settlement.verdict == Verdict::HandedBack {
        tracing::debug!(delivery.id = %delivery_id, delivery.target = %target, "Held back: {message}");
    } else if let Verdict::RetryAt(at) = settlement.verdict {
        tracing::warn!(event.id = %id, delivery.id = %delivery_id, delivery.target = %target,
            attempt, class, retry_at = %at,
            "Event handler {handler} failed for {event_type}: {message}");
    } else {
        tracing::error!(event.id = %id, delivery.id = %delivery_id, delivery.target = %target, attempt, class,
            "Event handler {handler} failed for good for {event_type}: {message}");
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
