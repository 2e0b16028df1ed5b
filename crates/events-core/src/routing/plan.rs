//! The plan for one event: deliveries now, follow-ups later, cancellations.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    filter::Facts,
    table::{Route, RoutingTable},
};
use crate::{
    delivery::{Guard, HandlerName, Target, later},
    event::{Event, EventType},
    ports::{NewDelivery, RoutedEvent},
};

/// Events caused by events caused by events … end here: a longer chain is a loop (C42).
const MAX_CAUSATION_DEPTH: u16 = 8;

/// What an event leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be handled now.
    pub deliveries: Vec<NewDelivery>,
    /// To be handled later, unless something happens first.
    pub follow_ups: Vec<NewDelivery>,
    /// Keys of follow-ups that are needless now.
    pub cancellations: Vec<String>,
}

impl Plan {
    /// The plan as the store takes it.
    #[must_use]
    pub fn into_routed(mut self, seq: crate::event::Seq) -> RoutedEvent {
        self.deliveries.append(&mut self.follow_ups);
        RoutedEvent { seq, deliveries: self.deliveries, cancellations: self.cancellations }
    }
}

/// Decides what `event` leads to. Each handler and target gets it at most once at a time,
/// however many routes lead there.
#[must_use]
pub fn plan(table: &RoutingTable, event: &Event, now: Timestamp) -> Plan {
    let canonical = table.catalog.canonical(&event.event_type);
    let mut plan = Plan::default();
    if let Some(needless) = table.cancels.get(canonical) {
        let follow_ups = needless.iter().filter_map(|at| table.routes[*at].follow_up.as_ref());
        plan.cancellations.extend(follow_ups.map(|later| later.cancel_key(event.organization_id.as_deref())));
    }
    let facts = Facts::of(event);
    let mut told = HashSet::new();
    for at in table.candidates(canonical, event.organization_id.as_deref()) {
        let route = &table.routes[at];
        if refusal(route, &facts, canonical).is_some() {
            continue;
        }
        let Some(follow_up) = &route.follow_up else {
            if told.insert((&route.handler, &route.target)) {
                plan.deliveries.push(new_delivery(route, now));
            }
            continue;
        };
        let mut delivery = new_delivery(route, later(now, follow_up.delay));
        delivery.cancel_key = Some(follow_up.cancel_key(event.organization_id.as_deref()));
        delivery.guard = Some(Guard { unless: follow_up.unless.clone() });
        if !plan.follow_ups.contains(&delivery) {
            plan.follow_ups.push(delivery);
        }
    }
    plan
}

fn new_delivery(route: &Route, due_at: Timestamp) -> NewDelivery {
    NewDelivery { handler: route.handler.clone(), target: route.target.clone(), due_at, cancel_key: None, guard: None }
}

/// Why a route does not lead anywhere for an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// The route's handler.
    pub handler: HandlerName,
    /// The route's target.
    pub target: Target,
    /// What stands in the way.
    pub reason: Reason,
}

/// What stands between an event and a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The event has another type.
    OtherType,
    /// The type is excepted.
    Excepted,
    /// The event belongs to another organization.
    OtherOrganization,
    /// The route's filter asks for other contents.
    Filtered,
    /// The event is the end of too long a chain of causes.
    CausationLoop,
}

/// For every route that does not apply to `event`, why not.
#[must_use]
pub fn explain(table: &RoutingTable, event: &Event) -> Vec<WhyNot> {
    let canonical = table.catalog.canonical(&event.event_type);
    let facts = Facts::of(event);
    let why_not = |route: &Route| {
        refusal(route, &facts, canonical).map(|reason| WhyNot {
            handler: route.handler.clone(),
            target: route.target.clone(),
            reason,
        })
    };
    table.routes.iter().filter_map(why_not).collect()
}

fn refusal(route: &Route, facts: &Facts<'_>, canonical: &EventType) -> Option<Reason> {
    let event = facts.event();
    let organization_differs = route.organization_id.is_some() && route.organization_id != event.organization_id;
    let matches = |pattern: &crate::Pattern| pattern.matches(canonical) || pattern.matches(&event.event_type);
    if !route.events.iter().any(matches) {
        Some(Reason::OtherType)
    } else if route.except.iter().any(matches) {
        Some(Reason::Excepted)
    } else if organization_differs {
        Some(Reason::OtherOrganization)
    } else if event.metadata.causation_depth > MAX_CAUSATION_DEPTH {
        Some(Reason::CausationLoop)
    } else if route.filter.as_ref().is_some_and(|filter| !filter.holds_for(facts)) {
        Some(Reason::Filtered)
    } else {
        None
    }
}
