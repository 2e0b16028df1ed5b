//! The routing table: routes by event type, for one catalog.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crate::{
    catalog::Catalog,
    delivery::{HandlerName, Target},
    event::{EventType, Pattern},
};

/// Events of these types go to this handler and target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Who handles them.
    pub handler: HandlerName,
    /// Where they go.
    pub target: Target,
    /// Which types; an alias counts as its canonical type.
    pub events: Vec<Pattern>,
    /// Which of those not.
    pub except: Vec<Pattern>,
    /// Events of this organization only.
    pub organization_id: Option<String>,
    /// Later, and only unless something else happens first.
    pub follow_up: Option<FollowUp>,
}

impl Route {
    /// A plain route: these types, at once.
    #[must_use]
    pub fn new(
        handler: HandlerName,
        target: impl Into<Target>,
        events: impl IntoIterator<Item = impl Into<Pattern>>,
    ) -> Self {
        Self {
            handler,
            target: target.into(),
            events: events.into_iter().map(Into::into).collect(),
            except: Vec::new(),
            organization_id: None,
            follow_up: None,
        }
    }
}

/// A delivery planned for later (C24): "remind after 24 h unless the organization is done".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp {
    /// Names the follow-up; part of the key that cancels it.
    pub name: String,
    /// How long after the event.
    pub delay: Duration,
    /// The event of the same organization that makes it needless (C25).
    pub unless: EventType,
}

impl FollowUp {
    /// The key under which the follow-up of one organization is cancelled.
    #[must_use]
    pub fn cancel_key(&self, organization_id: Option<&str>) -> String {
        format!("{}:{}", self.name, organization_id.unwrap_or_default())
    }
}

/// All routes, and the catalog whose aliases they understand. Built once and shared.
#[derive(Clone, Debug, Default)]
pub struct RoutingTable {
    pub(super) catalog: Arc<Catalog>,
    pub(super) routes: Vec<Route>,
    /// Routes that name a type exactly, by that type; the others are tried for every event.
    exact: HashMap<EventType, Vec<usize>>,
    wide: Vec<usize>,
    /// Follow-ups that an event of this type makes needless.
    pub(super) cancels: HashMap<EventType, Vec<usize>>,
}

impl RoutingTable {
    /// A table of these routes.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, routes: Vec<Route>) -> Self {
        let mut table = Self { catalog, routes, ..Self::default() };
        for (at, route) in table.routes.iter().enumerate() {
            for pattern in &route.events {
                match pattern {
                    Pattern::Exact(exact) => {
                        let canonical = table.catalog.canonical(exact).clone();
                        table.exact.entry(canonical).or_default().push(at);
                    }
                    Pattern::All | Pattern::Prefix(_) => table.wide.push(at),
                }
            }
            if let Some(follow_up) = &route.follow_up {
                let canonical = table.catalog.canonical(&follow_up.unless).clone();
                table.cancels.entry(canonical).or_default().push(at);
            }
        }
        table
    }

    /// The routes in the order they were given.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Routes that may match a canonical type, each once, in the order they were given.
    pub(super) fn candidates(&self, canonical: &EventType) -> Vec<usize> {
        let mut candidates = self.wide.clone();
        if let Some(exact) = self.exact.get(canonical) {
            candidates.extend(exact);
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}
