//! A subscription: an endpoint, what it is told of, and how.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HANDLER, ids::SubscriptionId, sealed::SealedHeader, words::words};
use crate::{
    delivery::Pacing,
    event::Pattern,
    routing::{Filter, Route},
};

/// An endpoint that is told of events.
///
/// [`Subscription::check`] says whether what its owner chose is within bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub subscription_id: SubscriptionId,
    /// Whose it is, for ever; it learns of the events of this organization only. `None`: of every event of the
    /// installation, which only operators can ask for.
    pub organization_id: Option<String>,
    /// Where events are sent.
    pub url: String,
    /// Which types; an alias counts as its canonical type.
    pub events: Vec<Pattern>,
    /// Which of those.
    pub filter: Option<Arc<Filter>>,
    /// What it is for, in the words of whoever made it.
    pub description: String,
    /// Headers of the owner's own.
    pub headers: Vec<SealedHeader>,
    /// Pauses between tries, whole milliseconds; `None`: the handler's.
    pub retry: Option<Vec<Duration>>,
    /// Longest time for one try, whole milliseconds; `None`: the handler's.
    pub timeout: Option<Duration>,
    /// How often it may be called; `None`: as often as there is something.
    pub rate_limit: Option<RateLimit>,
    /// What is sent.
    pub format: Format,
    /// How it is signed: the scheme of its next secret.
    pub signing: Scheme,
    /// Whether it gets deliveries.
    pub status: Status,
    /// When its owner proved that the endpoint is theirs; [`Self::created_at`] where no proof was asked for. Without it,
    /// it gets no deliveries.
    pub verified_at: Option<Timestamp>,
    /// Since when every delivery has failed; `None` while some succeed.
    pub failing_since: Option<Timestamp>,
    /// Warnings that its owner was given since then, 0 to 2.
    pub notices: u8,
    /// Counts its changes; a change is made to the revision that its maker has seen, or not at all.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed by a person or by being disabled.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// Whether its owner was asked to prove that the endpoint is theirs.
    #[must_use]
    pub fn is_challenged(&self) -> bool {
        self.verified_at != Some(self.created_at)
    }

    /// The route that leads to it; `None` when it gets no deliveries.
    #[must_use]
    pub fn route(&self) -> Option<Route> {
        let gets_deliveries = self.verified_at.is_some() && !matches!(self.status, Status::Disabled { .. });
        let route = || route(self.subscription_id, self.organization_id.clone(), &self.events, self.filter.clone());
        gets_deliveries.then(route)
    }
}

/// The route of a subscription that gets deliveries.
#[must_use]
pub fn route(
    subscription_id: SubscriptionId,
    organization_id: Option<String>,
    events: &[Pattern],
    filter: Option<Arc<Filter>>,
) -> Route {
    Route { organization_id, filter, ..Route::new(HANDLER.into(), subscription_id, events.iter().cloned()) }
}

/// Whether a subscription gets deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// They are made and sent.
    Enabled,
    /// They are made and held.
    Paused,
    /// They are not made.
    Disabled {
        /// Why, for its owner.
        reason: String,
        /// Since when.
        at: Timestamp,
    },
}

/// How often an endpoint may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// One call per this much time, whole microseconds.
    pub interval: Duration,
    /// Calls that may be made at once after a rest, at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// The limit as the claims of a store keep to it; there are no digests.
    #[must_use]
    pub fn pacing(&self) -> Pacing {
        Pacing { interval: self.interval, burst: self.burst, digest_over: usize::MAX, digest_max: 1 }
    }
}

words! {
    /// What is sent.
    Format {
        /// The event's envelope with `type`, `timestamp` and `data`.
        Standard = "standard",
        /// CloudEvents, everything in the body.
        CloudEventsStructured = "cloudevents_structured",
        /// CloudEvents, the payload in the body and the rest in headers.
        CloudEventsBinary = "cloudevents_binary",
    }
}

words! {
    /// How deliveries are signed, by Standard Webhooks.
    Scheme {
        /// HMAC-SHA256 with a secret that both sides know.
        V1 = "v1",
        /// ed25519; who verifies needs the public key only.
        V1a = "v1a",
    }
}
