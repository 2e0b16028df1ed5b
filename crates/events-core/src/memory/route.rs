//! From an event to its deliveries.

use jiff::Timestamp;

use super::state::{OpenDelivery, State};
use crate::{
    delivery::{AttemptOutcome, AttemptReport, DeliveryId, ErrorClass, Lease},
    event::Seq,
    ports::{NewDelivery, RouteSummary, RoutedEvent},
};

impl State {
    pub(super) fn route(&mut self, routed: Vec<RoutedEvent>, now: Timestamp) -> RouteSummary {
        let mut summary = RouteSummary::default();
        for event in routed {
            if !self.outbox.remove(&event.seq) {
                continue;
            }
            summary.events += 1;
            summary.cancelled += self.cancel(&event.cancellations, now);
            summary.deliveries += event.deliveries.len();
            for delivery in event.deliveries {
                self.add_delivery(event.seq, delivery);
            }
        }
        summary
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

    pub(super) fn add_delivery(&mut self, seq: Seq, new: NewDelivery) {
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
    }
}
