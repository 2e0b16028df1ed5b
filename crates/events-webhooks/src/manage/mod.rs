//! What the owner of a subscription may do: make, change, pause, enable and delete it, and ask why it gets an event.
//!
//! # Two stores of state, and a crash between them
//!
//! Whether a subscription gets deliveries stands in its row; whether its target is called stands in
//! [`TargetStates`](events_core::ports::TargetStates).
//! No change touches both in one commit, so the row always comes first:
//! - **Pausing and disabling** change the row and have the target rest. After a crash in between, the handler meets
//!   the row when it takes the next delivery, sends nothing, and has the target rest itself. When somebody enabled it
//!   in between, the rest is ended again (see `rest.rs`).
//! - **Enabling** changes the row and wakes the target. A crash in between leaves an enabled subscription whose target
//!   rests; whoever asked got no answer, and enabling again wakes it, whatever the row says already.
//!
//! **Invariant:** secrets and values of headers come and go as [`SecretString`], and no error holds one.

mod change;
mod endpoint;
mod error;
mod explain;
mod probe;
mod secrets;
mod status;

use std::sync::Arc;

pub use change::{Change, Changes, HeaderChange, NewSubscription};
pub use error::ManageError;
pub use explain::{Explanation, Obstacle};
pub use probe::Verification;
pub use secrets::{Grace, IssuedSecret, PublicKeyRecord, Rotation};

use events_core::{
    Catalog, Target,
    ports::{EventHistory, Page, SubscriptionQuery, Updated},
    webhooks::{SecretId, Status, Subscription, SubscriptionId},
};
use secrecy::SecretString;
use url::Url;

use crate::{WebhookHandler, WebhookParts, address::AddressPolicy};

/// What the service works with beside the parts it shares with the handler.
#[derive(Clone)]
pub struct ManageParts {
    /// Stores, vault, sender and time.
    pub shared: WebhookParts,
    /// Where events are looked up that somebody asks about.
    pub history: Arc<dyn EventHistory>,
    /// Knows aliases of event types.
    pub catalog: Arc<Catalog>,
    /// Which addresses may be called: the policy of the sender.
    pub policy: AddressPolicy,
    /// Whether URLs may begin with `http:`.
    pub allow_http: bool,
    /// The handler of this process, which is told of changes; others learn of them within a second.
    pub handler: Option<Arc<WebhookHandler>>,
}

/// Manages subscriptions. Cheap to clone.
///
/// Wherever an organization is named, a subscription of another one is [`ManageError::Missing`]; `None` stands for an
/// operator, who sees all.
#[derive(Clone)]
pub struct Webhooks(Arc<ManageParts>);

/// A subscription that was made, and the secret that signs for it.
#[derive(Debug)]
pub struct Created {
    /// The subscription.
    pub subscription: Subscription,
    /// Its secret, which is not shown again unless somebody asks for it.
    pub secret: IssuedSecret,
    /// What came of the challenge; `None` when there was none.
    pub verification: Option<Verification>,
}

impl Webhooks {
    /// A service on these parts.
    #[must_use]
    pub fn new(parts: ManageParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Makes a subscription. Its endpoint is asked at once to answer a challenge, if that is wanted; whatever it
    /// answers, the subscription is there afterwards, and [`Self::verify`] asks again.
    ///
    /// # Errors
    /// [`ManageError::Invalid`] with the first field at fault, or the store's error.
    pub async fn create(&self, new: NewSubscription) -> Result<Created, ManageError> {
        let now = self.0.shared.clock.now();
        let url = self.check_endpoint(&new.url).await?;
        let (scheme, is_challenged) = (new.signing, new.challenge);
        let key = secrets::key(scheme, new.secret.as_ref())?;
        let subscription_id = SubscriptionId::random();
        let headers = change::checked_headers(&new.headers)?;
        let headers = self.0.shared.vault.seal_headers(subscription_id, &headers)?;
        let subscription = Subscription {
            subscription_id,
            organization_id: new.organization_id,
            url: url.to_string(),
            events: new.events,
            filter: new.filter.map(Arc::new),
            description: new.description,
            headers,
            retry: new.retry,
            timeout: new.timeout,
            rate_limit: new.rate_limit,
            format: new.format,
            signing: scheme,
            status: Status::Enabled,
            verified_at: (!is_challenged).then_some(now),
            failing_since: None,
            notices: 0,
            revision: 1,
            created_at: now,
            updated_at: now,
        };
        subscription.check()?;
        let secret = self.0.shared.vault.seal_key(SecretId::random(), subscription_id, &key, now)?;
        let issued = IssuedSecret::of(&key, &secret);
        self.0.shared.subscriptions.create(subscription.clone(), secret).await?;
        let (subscription, verification) = match is_challenged {
            false => (subscription, None),
            true => {
                let (subscription, verification) = self.challenge(subscription).await?;
                (subscription, Some(verification))
            }
        };
        Ok(Created { subscription, secret: issued, verification })
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn get(&self, id: SubscriptionId, organization_id: Option<&str>) -> Result<Subscription, ManageError> {
        let found = self.0.shared.subscriptions.subscription(id, organization_id).await?;
        found.ok_or(ManageError::Missing(id))
    }

    /// Subscriptions, newest first.
    ///
    /// # Errors
    /// The store's error.
    pub async fn list(&self, query: SubscriptionQuery) -> Result<Page<Subscription>, events_core::StoreError> {
        self.0.shared.subscriptions.list(query).await
    }

    /// Changes a subscription. Deliveries that wait go by what holds when they are sent, so a new URL gets them. Where
    /// the endpoint has answered a challenge, the one at a new URL has to answer one first.
    ///
    /// # Errors
    /// [`ManageError::Conflict`] when the revision that was seen is not the current one, [`ManageError::Invalid`],
    /// [`ManageError::Missing`], or the store's error.
    pub async fn update(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
        changes: Changes,
    ) -> Result<Subscription, ManageError> {
        let url = match &changes.url {
            Some(url) => Some(self.check_endpoint(url).await?),
            None => None,
        };
        let seen = changes.revision;
        let current = self.get(id, organization_id).await?;
        let proven = match &url {
            Some(url) if needs_proof(&current, url) => Some(self.proven(id, url).await?),
            _ => None,
        };
        self.edit(id, organization_id, seen, |subscription| {
            let headers = match &changes.headers {
                Some(headers) => {
                    let changed = change::changed_headers(&self.0.shared.vault.headers(subscription)?, headers)?;
                    Some(self.0.shared.vault.seal_headers(id, &changed)?)
                }
                None => None,
            };
            if let Some(url) = url.as_ref().filter(|url| needs_proof(subscription, url)) {
                let meanwhile = format!("was changed meanwhile by somebody else; change it to {url} again");
                subscription.verified_at = Some(proven.ok_or_else(|| ManageError::invalid("url", meanwhile))?);
            }
            changes.apply(subscription, url.as_ref(), headers);
            subscription.check()?;
            Ok(())
        })
        .await
    }

    /// Deletes a subscription and its secrets. What waits for it is never sent.
    ///
    /// # Errors
    /// [`ManageError::Missing`], or the store's error.
    pub async fn delete(&self, id: SubscriptionId, organization_id: Option<&str>) -> Result<(), ManageError> {
        let was_there = self.0.shared.subscriptions.delete(id, organization_id).await?;
        self.forget(id);
        if was_there { Ok(()) } else { Err(ManageError::Missing(id)) }
    }

    /// Changes the current revision, or the one that was seen. Without one, a change of somebody else in between is
    /// kept and this one is made on top of it.
    async fn edit(
        &self,
        id: SubscriptionId,
        organization_id: Option<&str>,
        seen: Option<i64>,
        change: impl Fn(&mut Subscription) -> Result<(), ManageError>,
    ) -> Result<Subscription, ManageError> {
        let mut current = self.get(id, organization_id).await?;
        loop {
            if let Some(seen) = seen.filter(|seen| *seen != current.revision) {
                return Err(ManageError::Conflict { seen, current: current.revision });
            }
            change(&mut current)?;
            current.updated_at = self.0.shared.clock.now();
            match self.0.shared.subscriptions.update(current).await? {
                Updated::Done(subscription) => {
                    self.forget(id);
                    return Ok(subscription);
                }
                Updated::Conflict(changed) => current = changed,
                Updated::Missing => return Err(ManageError::Missing(id)),
            }
        }
    }

    /// Has the handler of this process read the endpoint anew.
    fn forget(&self, id: SubscriptionId) {
        if let Some(handler) = &self.0.handler {
            handler.forget(&Target::from(id));
        }
    }
}

/// Whether the endpoint at a new URL has to answer a challenge before it gets what the verified one got.
fn needs_proof(subscription: &Subscription, url: &Url) -> bool {
    subscription.url != url.as_str() && subscription.is_challenged() && subscription.verified_at.is_some()
}

/// A name and its write-only value.
pub type Header = (String, SecretString);
