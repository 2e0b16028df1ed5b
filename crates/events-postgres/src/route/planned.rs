//! What is to be routed, as the statements take it.

use std::collections::{HashMap, HashSet};

use events_core::{
    Target,
    ports::{ClaimRequest, NewDelivery, RoutedEvent},
};
use jiff::Timestamp;

/// An event with what its plan says, and where it stands.
pub(super) struct Given<'a> {
    /// Its place among the events.
    pub(super) at: i32,
    pub(super) event: &'a RoutedEvent,
    /// The place of its first delivery among all deliveries.
    first: usize,
}

/// The events, each once.
pub(super) fn given(routed: &[RoutedEvent]) -> Vec<Given<'_>> {
    let (mut seen, mut first) = (HashSet::with_capacity(routed.len()), 0);
    let mut given = Vec::with_capacity(routed.len());
    for event in routed {
        if seen.insert(event.seq) {
            given.push(Given { at: i32::try_from(given.len()).unwrap_or(i32::MAX), event, first });
        }
        first += event.deliveries.len();
    }
    given
}

/// A delivery to be made.
pub(super) struct Planned<'a> {
    /// Its place among all deliveries.
    pub(super) place: usize,
    pub(super) of: &'a Given<'a>,
    pub(super) new: &'a NewDelivery,
}

pub(super) fn planned<'a>(given: &'a [Given<'a>]) -> Vec<Planned<'a>> {
    let of_event =
        |of: &'a Given<'a>| (of.first..).zip(&of.event.deliveries).map(move |(place, new)| Planned { place, of, new });
    given.iter().flat_map(of_event).collect()
}

/// For each delivery, which offer it would be leased to: one of each target before one target gets more.
pub(super) fn offered<'a>(
    planned: &[Planned<'_>],
    offers: &'a [ClaimRequest],
    now: Timestamp,
) -> Vec<Option<&'a ClaimRequest>> {
    let mut offered = vec![None; planned.len()];
    for offer in offers {
        let mut of_target: HashMap<&Target, usize> = HashMap::new();
        let due = planned.iter().enumerate().filter(|(_, it)| it.new.handler == offer.handler && it.new.due_at <= now);
        let due = due.filter_map(|(at, it)| {
            let before = of_target.entry(&it.new.target).or_default();
            *before += 1;
            (*before <= offer.allowances.of(&it.new.target)).then_some((*before, at))
        });
        let mut due: Vec<(usize, usize)> = due.collect();
        due.sort_unstable();
        due.truncate(offer.limit);
        due.into_iter().for_each(|(_, at)| offered[at] = Some(offer));
    }
    offered
}
