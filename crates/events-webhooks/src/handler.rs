//! The handler: a delivery becomes a call, and what came of the call becomes a verdict.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use events_core::{
    Delivery, EventHandler, HandlerError, HandlerName, Payload, Publisher, Target,
    delivery::{ErrorClass, RetryPolicy, jitter},
    ports::{Advice, Clock, Delivered, HandlerPolicy, TargetLimits, TargetPolicy, TargetStates, WebhookSubscriptions},
    webhooks::{self, Status},
};
use jiff::Timestamp;

use crate::{
    directory::{Directory, Endpoint},
    envelope::{Envelope, message_id},
    health::{DISABLED_AFTER, HealthBook, Held, Limits, Permit, Sign},
    outages::Outages,
    sender::{Attempt, Call, Sender},
    vault::Vault,
};

/// Calls under way at once in one process. Each endpoint gets 64 of them at most.
const CONCURRENCY: usize = 512;
/// One call takes no longer, unless its subscription says otherwise.
const TIMEOUT: Duration = Duration::from_secs(15);
/// What the worker grants beyond the timeout, so that the call itself says how far it came.
const GRACE: Duration = Duration::from_secs(1);
/// Pauses between tries: about 75 hours.
const PAUSES: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How long what cannot be sent now is left alone. Whoever mends it ends the rest; a minute, because a rest that is
/// settled just after that is not ended by anybody.
const REST: Duration = Duration::from_secs(60);
/// How long the handler waits for a store, or for an endpoint to have fewer calls under way.
const MOMENT: Duration = Duration::from_secs(1);

/// What the handler works with.
#[derive(Clone)]
pub struct WebhookParts {
    /// Where subscriptions are kept.
    pub subscriptions: Arc<dyn WebhookSubscriptions>,
    /// Where targets are put to rest.
    pub targets: Arc<dyn TargetStates>,
    /// Opens secrets.
    pub vault: Arc<Vault>,
    /// Calls endpoints.
    pub sender: Sender,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Sends events to subscribed endpoints.
pub struct WebhookHandler {
    directory: Directory,
    sender: Sender,
    clock: Arc<dyn Clock>,
    health: HealthBook,
    outages: Outages,
    pauses: Arc<[Duration]>,
}

impl WebhookHandler {
    /// A handler. Without a [`Publisher`] ([`Self::publish_with`]) nobody is told of outages.
    #[must_use]
    pub fn new(parts: WebhookParts) -> Self {
        let directory = Directory::new(parts.subscriptions.clone(), parts.vault);
        Self {
            outages: Outages {
                subscriptions: parts.subscriptions,
                targets: parts.targets,
                directory: directory.clone(),
                publisher: OnceLock::new(),
                disabled_after: DISABLED_AFTER,
            },
            directory,
            sender: parts.sender,
            clock: parts.clock,
            health: HealthBook::new(Limits::default()),
            pauses: PAUSES.map(Duration::from_secs).into(),
        }
    }

    /// Replaces the pauses between tries of subscriptions that have none of their own.
    #[must_use]
    pub fn with_pauses(mut self, pauses: impl Into<Arc<[Duration]>>) -> Self {
        self.pauses = pauses.into();
        self
    }

    /// Replaces the time after which an endpoint that only fails is disabled. Five days by default.
    #[must_use]
    pub fn disabling_after(mut self, disabled_after: Duration) -> Self {
        self.outages.disabled_after = disabled_after;
        self
    }

    /// Tells subscribers of outages by events of their organization. The first publisher stays.
    pub fn publish_with(&self, publisher: Publisher) {
        let _ = self.outages.publisher.set(publisher);
    }

    /// The endpoints as this handler knows them; whoever changes one forgets it here.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Forgets what it learnt about an endpoint, which was changed or is given another chance.
    pub fn forget(&self, target: &Target) {
        self.directory.forget(target);
        self.health.forget(target);
    }

    /// The endpoint, or what is to be reported instead of a call.
    async fn endpoint(&self, target: &Target) -> Result<Arc<Endpoint>, Result<Delivered, HandlerError>> {
        let mut found = self.directory.find(target).await;
        if let Ok(Some(Ok(endpoint))) = &found
            && endpoint.subscription.status != Status::Enabled
        {
            // It may have been enabled within the last second, and what is held now rests for long.
            self.directory.forget(target);
            found = self.directory.find(target).await;
        }
        match found {
            Ok(Some(Ok(endpoint))) => match &endpoint.subscription.status {
                Status::Enabled => Ok(endpoint),
                Status::Paused => Err(Err(HandlerError::hold("the subscription is paused", REST))),
                Status::Disabled { reason, .. } => {
                    Err(Err(HandlerError::hold(format!("the subscription is disabled: {reason}"), REST)))
                }
            },
            Ok(Some(Err(unusable))) => {
                tracing::error!(delivery.target = %target, "A webhook subscription cannot be called: {unusable}");
                Err(Err(HandlerError::hold(unusable.to_string(), REST)))
            }
            Ok(None) => Err(Ok(Delivered::dropped("the subscription was deleted"))),
            Err(error) => Err(Err(HandlerError::hold(format!("the subscription could not be read: {error}"), MOMENT))),
        }
    }

    fn permit(&self, target: &Target, endpoint: &Endpoint, now: Timestamp) -> Result<Permit, HandlerError> {
        let wait = |until: Timestamp| Duration::try_from(until.duration_since(now)).unwrap_or(MOMENT);
        self.health.begin(target, endpoint.subscription.rate_limit, now).map_err(|held| match held {
            Held::Busy => HandlerError::hold("as many calls as it bears are under way", MOMENT),
            Held::Resting(until) => HandlerError::hold("the endpoint rests after failures", wait(until)),
            Held::TooSoon(until) => HandlerError::hold("its rate limit is used up", wait(until)),
        })
    }

    async fn call(&self, delivery: &Delivery, endpoint: &Endpoint) -> Result<Attempt, HandlerError> {
        let envelope = Envelope::of(&delivery.event, endpoint.subscription.format);
        let envelope = envelope.map_err(|error| HandlerError::fail(ErrorClass::new("envelope"), error.to_string()))?;
        let now = self.clock.now();
        let call = Call {
            url: &endpoint.url,
            message_id: &message_id(delivery.event.event_id),
            keys: &endpoint.keys(now),
            envelope: &envelope,
            custom_headers: &endpoint.headers,
            timeout: endpoint.subscription.timeout.unwrap_or(TIMEOUT),
            now,
        };
        Ok(self.sender.send(call).await)
    }
}

#[async_trait]
impl EventHandler for WebhookHandler {
    fn name(&self) -> HandlerName {
        webhooks::HANDLER.into()
    }

    fn policy(&self) -> HandlerPolicy {
        HandlerPolicy {
            timeout: TIMEOUT + GRACE,
            retry: RetryPolicy::listed(self.pauses.clone()),
            concurrency: CONCURRENCY,
            pacing: None,
        }
    }

    async fn policy_for(&self, target: &Target) -> TargetPolicy {
        let HandlerPolicy { mut timeout, mut retry, .. } = self.policy();
        if let Ok(Some(Ok(endpoint))) = self.directory.find(target).await {
            timeout = endpoint.subscription.timeout.map_or(timeout, |own| own + GRACE);
            if let Some(pauses) = &endpoint.subscription.retry {
                retry = RetryPolicy::listed(pauses.as_slice());
            }
        }
        TargetPolicy { timeout, retry }
    }

    fn target_limits(&self) -> TargetLimits {
        self.health.target_limits(self.clock.now())
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Delivered, HandlerError> {
        let target = &delivery.target;
        let endpoint = match self.endpoint(target).await {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        let permit = self.permit(target, &endpoint, self.clock.now())?;
        let attempt = self.call(delivery, &endpoint).await?;
        let now = self.clock.now();
        let sign = Sign::of(&attempt.result);
        permit.end(sign, now, jitter(delivery.delivery_id, delivery.attempt));
        let (result, detail) = attempt.into_parts();
        let detail = Payload::from_value(&detail).ok();
        let gone = matches!(&result, Err(error) if error.advice == Advice::TargetDown);
        self.outages.note(&endpoint, result.is_ok(), gone, now).await;
        match result {
            Ok(delivered) => Ok(Delivered { detail, ..delivered }),
            Err(mut error) => {
                error.advice = match (error.advice, self.health.rests_until(target, now)) {
                    (Advice::Retry, Some(until)) => {
                        Advice::RetryAfter(Duration::try_from(until.duration_since(now)).unwrap_or(MOMENT))
                    }
                    // Where it still has this URL, its subscription is disabled by now, and whoever enables it ends
                    // the rest of the target. A rest that is settled with this delivery might begin after that, and
                    // nobody would end it.
                    (Advice::TargetDown, _) => Advice::Fail,
                    (advice, _) => advice,
                };
                Err(HandlerError { detail, ..error })
            }
        }
    }
}
