//! The router: unrouted events become deliveries, in the order of the log.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    announcer::{Announcer, Ready},
    pause::{Backoff, POLL, about},
    routes::Routes,
    wake::Wake,
};
use crate::{
    event::StoredEvent,
    ports::{Clock, EventStore, RoutedEvent, StoreError},
    routing::{RoutingTable, plan},
};

/// Events routed in one commit.
const BATCH: usize = 500;
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
}

impl Router {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        routes: Arc<Routes>,
        clock: Arc<dyn Clock>,
        wake: Wake,
        announcer: Announcer,
    ) -> Self {
        Self { store, routes, clock, wake, announcer }
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
        let ready = ready(&routed, now);
        let summary = self.store.route(routed, now).await?;
        tracing::debug!(events = summary.events, deliveries = summary.deliveries, "Routed events");
        self.announcer.ready(ready);
        Ok(unrouted.events.len())
    }
}

fn route(table: &RoutingTable, stored: &StoredEvent, now: jiff::Timestamp) -> RoutedEvent {
    let event = &stored.event;
    if table.routes().is_empty() {
        tracing::debug!(event.id = %event.event_id, "No event handlers configured, skipping {}", event.event_type);
    }
    plan(table, event, now).into_routed(stored.seq)
}

/// Which events have a delivery that is due now, by handler. Follow-ups are found when their time comes.
fn ready(routed: &[RoutedEvent], now: jiff::Timestamp) -> Ready {
    let mut ready = Ready::new();
    for event in routed {
        for delivery in event.deliveries.iter().filter(|delivery| delivery.due_at <= now) {
            let seqs = ready.entry(delivery.handler.clone()).or_default();
            if seqs.last() != Some(&event.seq) {
                seqs.push(event.seq);
            }
        }
    }
    ready
}
