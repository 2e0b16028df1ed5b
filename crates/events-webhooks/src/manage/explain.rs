//! Why a subscription gets an event, or does not.

use std::sync::Arc;

use events_core::{
    Event, EventId, Pattern,
    routing::{self, Reason, RoutingTable},
    webhooks::{self, Status, Subscription, SubscriptionId},
};
use serde::Serialize;

use super::{ManageError, Webhooks};

/// What stands between an event and a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The subscription is disabled: no deliveries are made.
    Disabled,
    /// The endpoint has not answered its challenge: no deliveries are made.
    Unverified,
    /// The event was published before the subscription was made; replaying brings it.
    PublishedBefore,
    /// The event belongs to another organization, or to none.
    OtherOrganization,
    /// None of the patterns matches its type.
    OtherType,
    /// The filter asks for other contents.
    Filtered,
    /// The event is the end of too long a chain of causes.
    CausationLoop,
}

/// Why a subscription gets an event, or does not, as the subscription is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The event.
    pub event: Event,
    /// The subscription.
    pub subscription: Subscription,
    /// Everything that stands in the way. Nothing: it gets the event.
    pub obstacles: Vec<Obstacle>,
    /// The patterns that match the event's type.
    pub matching: Vec<Pattern>,
    /// The filter, condition by condition, with what was found in the event.
    pub filter: Option<routing::Explanation>,
}

impl Webhooks {
    /// Looks at a stored event with the eyes of a subscription.
    ///
    /// # Errors
    /// [`ManageError::Missing`], [`ManageError::NoSuchEvent`], or the store's error.
    pub async fn explain(
        &self,
        id: SubscriptionId,
        event_id: EventId,
        organization_id: Option<&str>,
    ) -> Result<Explanation, ManageError> {
        let subscription = self.get(id, organization_id).await?;
        let found = self.0.history.event(event_id, organization_id).await?;
        let event = found.ok_or(ManageError::NoSuchEvent(event_id))?.event;
        Ok(self.look(subscription, event))
    }

    fn look(&self, subscription: Subscription, event: Event) -> Explanation {
        let canonical = self.0.catalog.canonical(&event.event_type);
        let matches = |pattern: &&Pattern| pattern.matches(canonical) || pattern.matches(&event.event_type);
        let matching: Vec<_> = subscription.events.iter().filter(matches).cloned().collect();
        let filter = subscription.filter.as_ref().map(|filter| filter.explain(&event));
        let organization_differs =
            subscription.organization_id.is_some() && subscription.organization_id != event.organization_id;
        let obstacles = [
            (matches!(subscription.status, Status::Disabled { .. }), Obstacle::Disabled),
            (subscription.verified_at.is_none(), Obstacle::Unverified),
            (event.created_at < subscription.created_at, Obstacle::PublishedBefore),
            (organization_differs, Obstacle::OtherOrganization),
            (matching.is_empty(), Obstacle::OtherType),
            (filter.as_ref().is_some_and(|filter| !filter.held), Obstacle::Filtered),
            (self.is_loop(&subscription, &event), Obstacle::CausationLoop),
        ];
        let obstacles = obstacles.into_iter().filter_map(|(stands, obstacle)| stands.then_some(obstacle)).collect();
        Explanation { event, subscription, obstacles, matching, filter }
    }

    /// The router's own answer, for what only the router knows: how long a chain of causes may be.
    fn is_loop(&self, subscription: &Subscription, event: &Event) -> bool {
        let route = webhooks::route(subscription.subscription_id, None, &[Pattern::All], None);
        let table = RoutingTable::new(Arc::clone(&self.0.catalog), vec![route]);
        routing::explain(&table, event).iter().any(|why_not| why_not.reason == Reason::CausationLoop)
    }
}
