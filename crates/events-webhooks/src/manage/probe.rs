//! Calls that somebody waits for: the ownership challenge, and a test event.

use std::time::Duration;

use events_core::{
    Event, EventType, Metadata, Payload,
    ports::{IdGenerator, RandomIds},
    webhooks::{Subscription, SubscriptionId},
};
use jiff::Timestamp;
use serde_json::json;

use super::{ManageError, Webhooks};
use crate::{
    CustomHeaders,
    challenge::{Challenge, ask},
    envelope::{Envelope, message_id},
    sender::{Attempt, Call},
};

/// A call that somebody waits for takes no longer, whatever the subscription allows: callers wait 30 s.
const LONGEST: Duration = Duration::from_secs(20);
/// How long it takes unless the subscription says otherwise.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long an endpoint may take to answer a challenge.
const CHALLENGE_TIMEOUT: Duration = Duration::from_secs(10);

/// The type of a test event.
const TEST: EventType = EventType::from_static("webhook.test");

/// What came of a challenge.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The call, whose result is success when the endpoint repeated the word.
    pub attempt: Attempt,
}

impl Webhooks {
    /// Asks the endpoint to repeat a word. Once it has, it gets deliveries.
    ///
    /// # Errors
    /// [`ManageError::Missing`], [`ManageError::Unusable`], or the store's error.
    pub async fn verify(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
    ) -> Result<(Subscription, Verification), ManageError> {
        let subscription = self.get(id, organization_id).await?;
        self.challenge(subscription).await
    }

    /// Sends a test event to this endpoint alone, now, and answers what it said. Nothing is stored, nothing is tried
    /// again, and the endpoint's health does not change.
    ///
    /// # Errors
    /// [`ManageError::Missing`], [`ManageError::Unusable`], or the store's error.
    pub async fn test(&self, id: SubscriptionId, organization_id: Option<&str>) -> Result<Attempt, ManageError> {
        let subscription = self.get(id, organization_id).await?;
        let event = self.test_event(&subscription)?;
        let envelope = Envelope::of(&event, subscription.format).map_err(|error| unwritable(&error))?;
        let now = self.0.shared.clock.now();
        let call = Call {
            url: &url(&subscription)?,
            message_id: &message_id(event.event_id),
            keys: &self.keys(id).await?,
            envelope: &envelope,
            custom_headers: &self.0.shared.vault.headers(&subscription)?,
            timeout: subscription.timeout.unwrap_or(TIMEOUT).min(LONGEST),
            now,
        };
        Ok(self.0.shared.sender.send(call).await)
    }

    /// Asks, and notes that the endpoint is its owner's when it answered, unless its URL was changed meanwhile.
    pub(super) async fn challenge(
        &self,
        subscription: Subscription,
    ) -> Result<(Subscription, Verification), ManageError> {
        let (id, organization_id) = (subscription.subscription_id, subscription.organization_id.as_deref());
        let attempt = self.asked(id, &url(&subscription)?).await?;
        if attempt.result.is_err() {
            return Ok((subscription, Verification { attempt }));
        }
        let verified_at = self.0.shared.clock.now();
        let verified = self.edit(id, organization_id, None, |current| {
            if current.url == subscription.url {
                current.verified_at.get_or_insert(verified_at);
            }
            Ok(())
        });
        Ok((verified.await?, Verification { attempt }))
    }

    /// When the endpoint at a URL has proved to be its owner's. For one that takes the place of a verified one: it has
    /// to answer before anything changes, because what waits is sent to it at once.
    pub(super) async fn proven(&self, id: SubscriptionId, url: &url::Url) -> Result<Timestamp, ManageError> {
        match self.asked(id, url).await?.result {
            Ok(_) => Ok(self.0.shared.clock.now()),
            Err(failure) => {
                let problem = format!(
                    "has to answer its challenge before it takes the place of the verified one, but {}; nothing was \
                     changed",
                    failure.message
                );
                Err(ManageError::invalid("url", problem))
            }
        }
    }

    /// Asks the endpoint at a URL to repeat a word.
    async fn asked(&self, id: SubscriptionId, url: &url::Url) -> Result<Attempt, ManageError> {
        let challenge = Challenge::generate()?;
        // Custom headers are credentials, and whose endpoint this is nobody knows yet.
        let (keys, headers) = (self.keys(id).await?, CustomHeaders::default());
        let now = self.0.shared.clock.now();
        let asked = ask(&self.0.shared.sender, &challenge, url, &keys, &headers, CHALLENGE_TIMEOUT, now).await;
        asked.map_err(|error| unwritable(&error))
    }

    fn test_event(&self, subscription: &Subscription) -> Result<Event, ManageError> {
        let now = self.0.shared.clock.now();
        let payload = json!({ "subscription_id": subscription.subscription_id, "message": "This is a test." });
        Ok(Event {
            event_id: RandomIds.event_id(),
            event_type: TEST,
            event_version: "1.0.0".to_owned(),
            occurred_at: now,
            created_at: now,
            actor: None,
            actor_type: None,
            organization_id: subscription.organization_id.clone(),
            payload: Payload::from_value(&payload).map_err(|error| ManageError::invalid(error.field, error.problem))?,
            metadata: Metadata::default(),
            idempotency_key: None,
        })
    }
}

/// The URL that was checked when it was stored.
fn url(subscription: &Subscription) -> Result<url::Url, ManageError> {
    subscription
        .url
        .parse()
        .map_err(|error| ManageError::invalid("url", format!("the stored URL is none ({error}); set another")))
}

/// A message cannot be written as JSON, which it always can.
fn unwritable(error: &serde_json::Error) -> ManageError {
    ManageError::invalid("format", format!("the message cannot be written: {error}"))
}
