//! Endpoints by target, as they are in the store, opened and ready to be called.
//!
//! An endpoint is read again when it is a second old, so that a change holds in every process within that time and a
//! busy endpoint costs the store two reads a second. A process that changes one itself forgets it at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events_core::{
    StoreError, Target,
    ports::WebhookSubscriptions,
    webhooks::{Subscription, SubscriptionId},
};
use jiff::Timestamp;
use tokio::time::Instant;
use url::Url;

use crate::{
    CustomHeaders,
    health::{Notice, Outage},
    signature::SigningKey,
    vault::{Unusable, Vault},
};

/// How long an endpoint counts as known.
const FRESH: Duration = Duration::from_secs(1);
/// Endpoints that are remembered; the oldest are dropped beyond it.
const REMEMBERED: usize = 10_000;

/// An endpoint that can be called.
#[derive(Debug)]
pub struct Endpoint {
    /// Its subscription.
    pub subscription: Subscription,
    /// Where it is.
    pub url: Url,
    /// The subscriber's own headers.
    pub headers: CustomHeaders,
    keys: Vec<(SigningKey, Option<Timestamp>)>,
    /// How long it has failed, brought up to date between two reads.
    outage: Mutex<Outage>,
}

/// Why a subscription cannot be called. Its deliveries wait until somebody mends it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCallable {
    /// The URL in the store is none.
    #[error("the stored URL is none: {0}")]
    Url(#[from] url::ParseError),
    /// A secret or a header cannot be opened.
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// What is known of a target.
pub type Found = Option<Result<Arc<Endpoint>, NotCallable>>;

/// Knows endpoints. Cheap to clone; all clones are one directory.
#[derive(Clone)]
pub struct Directory {
    subscriptions: Arc<dyn WebhookSubscriptions>,
    vault: Arc<Vault>,
    entries: Arc<Mutex<HashMap<Target, Arc<Entry>>>>,
}

/// One endpoint, behind a lock that lets one read it while others wait.
#[derive(Default)]
struct Entry(tokio::sync::Mutex<Option<(Instant, Found)>>);

impl Directory {
    /// An empty directory.
    #[must_use]
    pub fn new(subscriptions: Arc<dyn WebhookSubscriptions>, vault: Arc<Vault>) -> Self {
        Self { subscriptions, vault, entries: Arc::default() }
    }

    /// The endpoint of a target; `None` when there is no such subscription.
    ///
    /// # Errors
    /// [`StoreError`] when it has to be read and cannot.
    pub async fn find(&self, target: &Target) -> Result<Found, StoreError> {
        let entry = self.entry(target);
        let mut known = entry.0.lock().await;
        if let Some((read, found)) = &*known
            && read.elapsed() < FRESH
        {
            return Ok(found.clone());
        }
        let read = Instant::now();
        let found = self.read(target).await?;
        *known = Some((read, found.clone()));
        Ok(found)
    }

    /// Has the next look read this target anew: it was changed.
    pub fn forget(&self, target: &Target) {
        self.entries().remove(target);
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Target, Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner) // the map is whole at any moment
    }

    fn entry(&self, target: &Target) -> Arc<Entry> {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(target) {
            return Arc::clone(entry);
        }
        if entries.len() >= REMEMBERED {
            // Those that somebody reads or waits for stay.
            let is_old = |entry: &Arc<Entry>| match entry.0.try_lock() {
                Ok(known) => known.as_ref().is_none_or(|(read, _)| read.elapsed() >= FRESH),
                Err(_) => false,
            };
            entries.retain(|_, entry| !is_old(entry));
        }
        Arc::clone(entries.entry(target.clone()).or_default())
    }

    async fn read(&self, target: &Target) -> Result<Found, StoreError> {
        let Ok(subscription_id) = SubscriptionId::try_from(target) else { return Ok(None) };
        let Some(subscription) = self.subscriptions.subscription(subscription_id, None).await? else {
            return Ok(None);
        };
        let secrets = self.subscriptions.secrets(subscription_id).await?;
        let open = || -> Result<Arc<Endpoint>, NotCallable> {
            let keys = secrets.iter().map(|secret| Ok((self.vault.key(secret)?, secret.expires_at)));
            Ok(Arc::new(Endpoint {
                url: subscription.url.parse()?,
                headers: self.vault.headers(&subscription)?,
                keys: keys.collect::<Result<_, Unusable>>()?,
                outage: Mutex::new(outage(&subscription)),
                subscription,
            }))
        };
        Ok(Some(open()))
    }
}

/// The outage as it is stored with a subscription.
fn outage(subscription: &Subscription) -> Outage {
    let noticed = match subscription.notices {
        0 => None,
        1 => Some(Notice::Half),
        _ => Some(Notice::NineTenths),
    };
    Outage {
        failing_since: subscription.failing_since,
        noticed: noticed.filter(|_| subscription.failing_since.is_some()),
    }
}

impl Endpoint {
    /// The keys that sign now, newest first.
    #[must_use]
    pub fn keys(&self, now: Timestamp) -> Vec<SigningKey> {
        let signing = self.keys.iter().filter(|(_, expires_at)| expires_at.is_none_or(|end| now < end));
        signing.map(|(key, _)| key.clone()).collect()
    }

    /// Notes the end of a call; answers the outage if that changed it, and the notice that is due.
    pub(crate) fn called(
        &self,
        succeeded: bool,
        now: Timestamp,
        disabled_after: Duration,
    ) -> Option<(Outage, Option<Notice>)> {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner); // one assignment changes it
        let (next, notice) = outage.after(succeeded, now, disabled_after);
        let changed = next != *outage;
        *outage = next;
        (changed || notice.is_some()).then_some((next, notice))
    }
}
