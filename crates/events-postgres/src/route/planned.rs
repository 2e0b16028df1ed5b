//! What is to be routed, as the statements take it.

use std::collections::HashSet;

use events_core::ports::{NewDelivery, RoutedEvent};

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
