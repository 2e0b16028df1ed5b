//! From an event to its deliveries.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::state::{OpenDelivery, State};
use crate::{
    delivery::{AttemptOutcome, AttemptReport, DeliveryId, ErrorClass, HandlerName, Lease, Target},
    event::Seq,
    ports::{ClaimRequest, Leased, NewDelivery, RouteSummary, Routed, RoutedEvent},
};

impl State {
    pub(super) fn route(&mut self, routed: Vec<RoutedEvent>, offers: &[ClaimRequest], now: Timestamp) -> Routed {
        let mut summary = RouteSummary::default();
        let (mut made, mut place) = (Vec::new(), 0);
        let busy: BTreeSet<_> =
            self.deliveries.values().filter(|it| it.is_due(now)).map(OpenDelivery::goes_to).collect();
        for event in routed {
            let places = place..;
            place += event.deliveries.len();
            if !self.outbox.remove(&event.seq) {
                continue;
            }
            summary.events += 1;
            summary.cancelled += self.cancel(&event.cancellations, now);
            summary.deliveries += event.deliveries.len();
            for (place, delivery) in places.zip(event.deliveries) {
                made.push((place, self.add_delivery(event.seq, delivery)));
            }
        }
        Routed { summary, leased: self.lease_made(&made, offers, &busy, now) }
    }

    /// Leases what was just made to those who wait for it: one for each target before one target gets more.
    fn lease_made(
        &mut self,
        made: &[(usize, DeliveryId)],
        offers: &[ClaimRequest],
        busy: &BTreeSet<(HandlerName, Target)>,
        now: Timestamp,
    ) -> Vec<Leased> {
        let mut leased = Vec::new();
        for offer in offers {
            let mut of_target = BTreeMap::new();
            let mut turns = Vec::new();
            for (place, delivery_id) in made {
                let Some(delivery) = self.deliveries.get(delivery_id).filter(|it| it.is_due(now)) else { continue };
                let goes_to = delivery.goes_to();
                let rests = self.targets.get(&goes_to).is_some_and(|row| row.rests(now));
                if delivery.handler != offer.handler || busy.contains(&goes_to) || rests {
                    continue;
                }
                let nth = of_target.entry(goes_to).or_insert(0);
                *nth += 1;
                if *nth <= offer.allowances.of(&delivery.target) {
                    turns.push((*nth, *place, *delivery_id));
                }
            }
            turns.sort_unstable();
            for (_, place, delivery_id) in turns.into_iter().take(offer.limit) {
                let lease = self.lease(delivery_id, offer.lease_until(now));
                leased.extend(lease.map(|it| Leased { place, delivery_id, lease: it.lease }));
            }
        }
        leased.sort_unstable_by_key(|leased| leased.place);
        leased
    }

    fn cancel(&mut self, keys: &[String], now: Timestamp) -> usize {
        let is_cancelled = |delivery: &OpenDelivery| {
            delivery.waits() && delivery.cancel_key.as_ref().is_some_and(|key| keys.contains(key))
        };
        let cancelled: Vec<DeliveryId> =
            self.deliveries.values().filter(|delivery| is_cancelled(delivery)).map(|it| it.delivery_id).collect();
        for delivery_id in &cancelled {
            if let Some(delivery) = self.deliveries.remove(delivery_id) {
                let report = AttemptReport {
                    error_class: Some(ErrorClass::CANCELLED),
                    error: Some("cancelled by a later event".to_owned()),
                    ..AttemptReport::default()
                };
                self.record(&delivery, AttemptOutcome::Dropped, report, now);
            }
        }
        cancelled.len()
    }

    pub(super) fn add_delivery(&mut self, seq: Seq, new: NewDelivery) -> DeliveryId {
        self.last_delivery += 1;
        let delivery_id = DeliveryId(self.last_delivery);
        let delivery = OpenDelivery {
            delivery_id,
            seq,
            handler: new.handler,
            target: new.target,
            due_at: new.due_at,
            cancel_key: new.cancel_key,
            guard: new.guard,
            attempts: 0,
            lease: Lease(0),
            lease_until: None,
        };
        self.deliveries.insert(delivery_id, delivery);
        delivery_id
    }
}
