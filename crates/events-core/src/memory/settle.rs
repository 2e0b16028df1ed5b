//! Ending claims: verdicts, attempt records and what targets brought upon themselves.

use std::sync::Arc;

use jiff::Timestamp;

use super::state::{Attempt, Dead, OpenDelivery, State};
use crate::{
    delivery::{
        AttemptOutcome, AttemptReport, ErrorClass, HandlerName, LeaseRef, Settlement, Target, TargetEffect, Verdict,
    },
    ports::{AttemptRecord, SettleSummary},
};

impl State {
    pub(super) fn settle(&mut self, settlements: Vec<Settlement>) -> SettleSummary {
        let mut summary = SettleSummary::default();
        for settlement in settlements {
            let holder = self.deliveries.get(&settlement.delivery_id);
            let Some(delivery) = holder.filter(|delivery| delivery.is_held_under(settlement.lease)).cloned() else {
                summary.fenced.push(settlement.delivery_id);
                continue;
            };
            self.settle_one(delivery, settlement);
            summary.settled += 1;
        }
        summary
    }

    fn settle_one(&mut self, mut delivery: OpenDelivery, settlement: Settlement) {
        let (now, ends) = (settlement.settled_at, settlement.is_final());
        if let Some(effect) = settlement.target_effect.clone() {
            self.affect(&delivery.handler, &delivery.target, effect, now);
        }
        if let Some(outcome) = settlement.outcome() {
            self.record(&delivery, outcome, settlement.report.clone(), now);
        }
        delivery.lease_until = None;
        match settlement.verdict {
            Verdict::RetryAt(due_at) => delivery.due_at = due_at,
            Verdict::HandedBack => {
                delivery.attempts -= 1;
                delivery.due_at = now;
            }
            Verdict::Done | Verdict::Dropped => {}
            Verdict::Dead => self.bury(delivery.clone(), settlement.report, now),
        }
        if ends {
            self.deliveries.remove(&delivery.delivery_id);
        } else {
            self.deliveries.insert(delivery.delivery_id, delivery);
        }
    }

    fn bury(&mut self, delivery: OpenDelivery, report: AttemptReport, now: Timestamp) {
        let dead = Dead {
            reason_class: report.error_class.unwrap_or(ErrorClass::new("unknown")),
            reason: report.error.unwrap_or_default(),
            created_at: now,
            delivery,
        };
        self.dead_letters.insert(dead.delivery.delivery_id, dead);
    }

    pub(super) fn affect(&mut self, handler: &HandlerName, target: &Target, effect: TargetEffect, now: Timestamp) {
        let row = self.target_row(handler, target);
        match effect {
            TargetEffect::PauseUntil(until) => row.paused_until = row.paused_until.max(Some(until)),
            TargetEffect::Disable(reason) => row.disabled = Some((now, reason)),
        }
    }

    /// Appends a record of the delivery's current attempt.
    pub(super) fn record(
        &mut self,
        delivery: &OpenDelivery,
        outcome: AttemptOutcome,
        report: AttemptReport,
        now: Timestamp,
    ) {
        let record = AttemptRecord {
            delivery_id: delivery.delivery_id,
            handler: delivery.handler.clone(),
            target: delivery.target.clone(),
            number: delivery.attempts,
            outcome,
            is_final: matches!(outcome, AttemptOutcome::Done | AttemptOutcome::Dropped | AttemptOutcome::Dead),
            status: report.status,
            duration_ms: u32::try_from(report.duration.as_millis()).unwrap_or(u32::MAX),
            error_class: report.error_class,
            error: report.error,
            response: report.response,
            detail: report.detail.map(Arc::unwrap_or_clone),
            created_at: now,
        };
        self.last_attempt += 1;
        self.attempts.push(Attempt { number: self.last_attempt, seq: delivery.seq, record });
    }

    pub(super) fn renew(&mut self, leases: Vec<LeaseRef>, until: Timestamp) -> Vec<LeaseRef> {
        let mut lost = Vec::new();
        for held in leases {
            match self.deliveries.get_mut(&held.delivery_id) {
                Some(delivery) if delivery.is_held_under(held.lease) => delivery.lease_until = Some(until),
                _ => lost.push(held),
            }
        }
        lost
    }
}
