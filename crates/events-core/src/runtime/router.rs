//! The router: unrouted events become deliveries, in the order of the log.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    announcer::{Announcer, Ready},
    openings::Openings,
    pause::{Backoff, POLL, about},
    routes::Routes,
    wake::Wake,
};
use crate::{
    delivery::{Delivery, HandlerName, Settlement},
    event::StoredEvent,
    ports::{ClaimRequest, Clock, EventStore, Leased, NewDelivery, RoutedEvent, StoreError},
    routing::{RoutingTable, plan},
};

/// Events routed in one commit.
const BATCH: usize = 500;
/// With more events at once, their deliveries are claimed and not handed over: time goes into work then and not into
/// journeys. A store may still forget the routing if it dies at this moment, and what was handed over is told twice
/// then, so it had better be little.
const HANDED_OVER: usize = 16;
/// After a commit, how long further events gather for the next. The first event after a rest is
/// routed at once; under load, publishers share the disk with two hundred commits a second at most.
const GATHER: Duration = Duration::from_millis(5);

/// Applies the routing table to every event once. Several routers may run: each event is
/// taken off the list by exactly one of them.
pub(crate) struct Router {
    store: Arc<dyn EventStore>,
    routes: Arc<Routes>,
    clock: Arc<dyn Clock>,
    wake: Wake,
    announcer: Announcer,
    openings: Openings,
}

impl Router {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        routes: Arc<Routes>,
        clock: Arc<dyn Clock>,
        wake: Wake,
        announcer: Announcer,
        openings: Openings,
    ) -> Self {
        Self { store, routes, clock, wake, announcer, openings }
    }

    /// Routes until `stop`. Woken by the publisher; looks by itself about once a second.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut backoff = Backoff::new();
        while !stop.is_cancelled() {
            let (pause, may_be_woken) = match self.route_batch().await {
                Ok(BATCH..) => continue,
                Ok(routed) => {
                    backoff.reset();
                    if routed == 0 { (about(POLL), true) } else { (GATHER, false) }
                }
                Err(error) => {
                    tracing::warn!("Failed to route events, trying again: {error}");
                    (backoff.next(), false)
                }
            };
            tokio::select! {
                () = self.wake.router_woken(), if may_be_woken => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Routes the oldest unrouted events and answers how many there were.
    pub(crate) async fn route_batch(&self) -> Result<usize, StoreError> {
        let unrouted = self.store.unrouted(BATCH).await?;
        if unrouted.events.is_empty() {
            return Ok(0);
        }
        let table = self.routes.at(unrouted.routes).await?;
        let now = self.clock.now();
        let routed: Vec<_> = unrouted.events.iter().map(|stored| route(&table, stored, now)).collect();
        let is_little = routed.len() <= HANDED_OVER;
        let offers = if is_little { self.openings.take(&handlers(&routed, now)) } else { Vec::new() };
        let answer = self.store.route_and_claim(routed.clone(), offers.clone(), now).await?;
        let (events, deliveries, leased) = (answer.summary.events, answer.summary.deliveries, answer.leased.len());
        tracing::debug!(events, deliveries, leased, "Routed events");
        let (leased, ready) = divide(&unrouted.events, routed, &answer.leased, &offers, now);
        self.announcer.ready(ready);
        self.hand_over(leased, now).await;
        Ok(unrouted.events.len())
    }

    /// Hands deliveries to the lanes that wait for them. What a lane that has stopped meanwhile was to get goes back.
    async fn hand_over(&self, leased: Vec<Delivery>, now: Timestamp) {
        let refused = self.openings.hand_over(leased);
        if refused.is_empty() {
            return;
        }
        let settlements = refused.iter().map(|delivery| Settlement::hand_back(delivery, now)).collect();
        if let Err(error) = self.store.settle(settlements).await {
            tracing::warn!(deliveries = refused.len(), "Failed to hand back, leaving them to their leases: {error}");
        }
    }
}

fn route(table: &RoutingTable, stored: &StoredEvent, now: Timestamp) -> RoutedEvent {
    let event = &stored.event;
    if table.routes().is_empty() {
        tracing::debug!(event.id = %event.event_id, "No event handlers configured, skipping {}", event.event_type);
    }
    plan(table, event, now).into_routed(stored.seq)
}

/// The handlers that have something to do now.
fn handlers(routed: &[RoutedEvent], now: Timestamp) -> HashSet<&HandlerName> {
    let deliveries = routed.iter().flat_map(|event| &event.deliveries);
    deliveries.filter(|delivery| delivery.due_at <= now).map(|delivery| &delivery.handler).collect()
}

/// The deliveries that are leased already, and which events have others that are due now, by handler. Follow-ups are
/// found when their time comes.
fn divide(
    events: &[StoredEvent],
    routed: Vec<RoutedEvent>,
    leased: &[Leased],
    offers: &[ClaimRequest],
    now: Timestamp,
) -> (Vec<Delivery>, Ready) {
    let (mut given, mut ready) = (Vec::with_capacity(leased.len()), Ready::new());
    let mut leased = leased.iter().peekable();
    let of_event = |(stored, plan): (_, RoutedEvent)| plan.deliveries.into_iter().map(move |new| (stored, new));
    for (place, (stored, new)) in events.iter().zip(routed).flat_map(of_event).enumerate() {
        let offer = offers.iter().find(|offer| offer.handler == new.handler);
        if let Some((leased, offer)) = leased.next_if(|leased| leased.place == place).zip(offer) {
            given.push(delivery(stored, new, *leased, offer.lease_until(now)));
        } else if new.due_at <= now {
            let seqs = ready.entry(new.handler).or_default();
            if seqs.last() != Some(&stored.seq) {
                seqs.push(stored.seq);
            }
        }
    }
    (given, ready)
}

fn delivery(stored: &StoredEvent, new: NewDelivery, leased: Leased, lease_until: Timestamp) -> Delivery {
    Delivery {
        delivery_id: leased.delivery_id,
        lease: leased.lease,
        lease_until,
        seq: stored.seq,
        event: Arc::clone(&stored.event),
        handler: new.handler,
        target: new.target,
        attempt: 1,
        due_at: new.due_at,
        guard: new.guard,
    }
}
