//! The routing table: routes by event type, for one catalog.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::filter::Filter;
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
    /// Events whose contents it asks for only.
    pub filter: Option<Arc<Filter>>,
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
            filter: None,
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
    /// Routes for events of everybody.
    open: Shelf,
    /// Routes that are bound to an organization, so that an event meets those of its own only.
    bound: HashMap<String, Shelf>,
    /// Follow-ups that an event of this type makes needless.
    pub(super) cancels: HashMap<EventType, Vec<usize>>,
}

impl RoutingTable {
    /// A table of these routes.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, routes: Vec<Route>) -> Self {
        let mut table = Self { catalog, routes, ..Self::default() };
        for (at, route) in table.routes.iter().enumerate() {
            let shelf = match &route.organization_id {
                None => &mut table.open,
                Some(organization_id) => table.bound.entry(organization_id.clone()).or_default(),
            };
            shelf.add(at, route, &table.catalog);
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

    /// The type that an alias stands for, or the type itself.
    #[must_use]
    pub fn canonical<'a>(&'a self, event_type: &'a EventType) -> &'a EventType {
        self.catalog.canonical(event_type)
    }

    /// Routes that may match a canonical type of this organization, each once, in the order they were given.
    pub(super) fn candidates(&self, canonical: &EventType, organization_id: Option<&str>) -> Vec<usize> {
        let bound = organization_id.and_then(|organization_id| self.bound.get(organization_id));
        let mut candidates = Vec::new();
        for shelf in bound.into_iter().chain([&self.open]) {
            candidates.extend(&shelf.wide);
            candidates.extend(shelf.exact.get(canonical).into_iter().flatten());
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }
}

/// Places of routes by what they ask for.
#[derive(Clone, Debug, Default)]
struct Shelf {
    /// Routes that name a type exactly, by that type.
    exact: HashMap<EventType, Vec<usize>>,
    /// Routes that are tried for every event.
    wide: Vec<usize>,
}

impl Shelf {
    fn add(&mut self, at: usize, route: &Route, catalog: &Catalog) {
        for pattern in &route.events {
            let places = match pattern {
                Pattern::Exact(exact) => self.exact.entry(catalog.canonical(exact).clone()).or_default(),
                Pattern::All | Pattern::Prefix(_) => &mut self.wide,
            };
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{at, event};

    fn bound(target: &str, organization_id: &str, patterns: &[&str]) -> Route {
        let patterns = patterns.iter().map(|pattern| pattern.parse::<Pattern>().unwrap());
        Route { organization_id: Some(organization_id.to_owned()), ..Route::new("webhooks".into(), target, patterns) }
    }

    fn table(routes: Vec<Route>) -> RoutingTable {
        RoutingTable::new(Arc::new(Catalog::embedded()), routes)
    }

    #[track_caller]
    fn check(table: &RoutingTable, event_type: &str, organization_id: Option<&str>, targets: &[&str]) {
        let event = event(event_type);
        let event = match organization_id {
            Some(organization_id) => event.organization(organization_id),
            None => event,
        };
        let plan = crate::routing::plan(table, &event.build(), at(0));
        let planned: Vec<&str> = plan.deliveries.iter().map(|delivery| delivery.target.as_str()).collect();
        assert_eq!(planned, targets);
    }

    #[test]
    fn an_event_meets_the_routes_of_its_organization_and_those_of_nobody_in_their_order() {
        let everybodys = Route::new("slack".into(), "#all", [Pattern::All]);
        let routes = vec![
            bound("a", "org_1", &["user.*", "user.signup", "*"]),
            bound("b", "org_2", &["*"]),
            everybodys,
            bound("c", "org_1", &["user.signup"]),
            bound("a", "org_1", &["*"]),
        ];
        let table = table(routes);
        check(&table, "user.signup", Some("org_1"), &["a", "#all", "c"]);
        check(&table, "user.login", Some("org_1"), &["a", "#all"]);
        check(&table, "user.signup", Some("org_2"), &["b", "#all"]);
        check(&table, "user.signup", Some("org_3"), &["#all"]);
        check(&table, "user.signup", None, &["#all"]);
    }

    /// What is looked through grows with the routes of the organization, not with those of all.
    #[test]
    fn routes_of_others_are_not_candidates() {
        let routes = (0..1_000).map(|at| bound("x", &format!("org_{}", at % 100), &["*", "user.signup"]));
        let table = table(routes.collect());
        let signup = "user.signup".parse().unwrap();
        assert_eq!(table.candidates(&signup, Some("org_7")).len(), 10);
        assert_eq!(table.candidates(&signup, None), [] as [usize; 0]);
    }
}
