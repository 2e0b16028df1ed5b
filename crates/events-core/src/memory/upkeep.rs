//! What is done now and then: lost claims, dead letters that get another chance, old rows.

use jiff::Timestamp;

use super::state::{Dead, State};
use crate::{
    delivery::{AttemptOutcome, AttemptReport, DeliveryId, ErrorClass},
    event::Seq,
    ports::{PruneRequest, Pruned, RedriveFilter},
};

impl State {
    pub(super) fn release_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        let expired = |ended: &Option<Timestamp>| ended.is_some_and(|until| until < now);
        let mut lost: Vec<_> = self.deliveries.values().map(|it| (it.lease_until, it.delivery_id)).collect();
        lost.retain(|(ended, _)| expired(ended));
        lost.sort();
        lost.truncate(limit);
        for (_, delivery_id) in &lost {
            self.release(*delivery_id, now);
        }
        lost.len()
    }

    fn release(&mut self, delivery_id: DeliveryId, now: Timestamp) {
        let Some(delivery) = self.deliveries.get_mut(&delivery_id) else { return };
        delivery.lease_until = None;
        delivery.due_at = now;
        let delivery = delivery.clone();
        let report = AttemptReport {
            error_class: Some(ErrorClass::LOST),
            error: Some("the worker was not heard of again".to_owned()),
            ..AttemptReport::default()
        };
        self.record(&delivery, AttemptOutcome::Lost, report, now);
    }

    pub(super) fn redrive(&mut self, filter: &RedriveFilter, now: Timestamp) -> usize {
        let chosen = self.dead_letters.values().filter(|dead| self.is_chosen(dead, filter));
        let chosen: Vec<_> = chosen.map(|dead| dead.delivery.delivery_id).take(filter.limit).collect();
        for delivery_id in &chosen {
            if let Some(Dead { mut delivery, .. }) = self.dead_letters.remove(delivery_id) {
                delivery.attempts = 0;
                delivery.due_at = now;
                self.target_row(&delivery.handler, &delivery.target).mend();
                self.deliveries.insert(*delivery_id, delivery);
            }
        }
        chosen.len()
    }

    fn is_chosen(&self, dead: &Dead, filter: &RedriveFilter) -> bool {
        let delivery = &dead.delivery;
        let organization_id = &self.event_at(delivery.seq).organization_id;
        filter.deliveries.as_ref().is_none_or(|these| these.contains(&delivery.delivery_id))
            && filter.handler.as_ref().is_none_or(|handler| *handler == delivery.handler)
            && filter.target.as_ref().is_none_or(|target| *target == delivery.target)
            && (filter.organization_id.is_none() || filter.organization_id == *organization_id)
    }

    pub(super) fn prune(&mut self, request: &PruneRequest) -> Pruned {
        Pruned {
            attempts: self.prune_attempts(request),
            dead_letters: self.prune_dead_letters(request),
            keys: self.prune_keys(request),
        }
    }

    fn prune_attempts(&mut self, request: &PruneRequest) -> usize {
        let is_old = |attempt: &super::state::Attempt| {
            attempt.record.created_at < request.attempts_before
                && !self.deliveries.contains_key(&attempt.record.delivery_id)
        };
        let numbered = self.attempts.iter().enumerate().filter(|(_, attempt)| is_old(attempt));
        let mut old: Vec<_> = numbered.map(|(at, attempt)| (attempt.record.created_at, at)).collect();
        old.sort();
        old.truncate(request.limit);
        let mut places: Vec<usize> = old.into_iter().map(|(_, at)| at).collect();
        places.sort_unstable();
        for at in places.iter().rev() {
            self.attempts.remove(*at);
        }
        places.len()
    }

    fn prune_dead_letters(&mut self, request: &PruneRequest) -> usize {
        let mut old: Vec<_> =
            self.dead_letters.values().map(|dead| (dead.created_at, dead.delivery.delivery_id)).collect();
        old.retain(|(created_at, _)| *created_at < request.dead_letters_before);
        old.sort();
        old.truncate(request.limit);
        for (_, delivery_id) in &old {
            self.dead_letters.remove(delivery_id);
        }
        old.len()
    }

    fn prune_keys(&mut self, request: &PruneRequest) -> usize {
        let mut old: Vec<(Timestamp, Seq)> =
            self.event_keys.values().map(|seq| (self.event_at(*seq).created_at, *seq)).collect();
        old.retain(|(created_at, _)| *created_at < request.keys_before);
        old.sort();
        old.truncate(request.limit);
        self.event_keys.retain(|_, seq| !old.iter().any(|(_, pruned)| pruned == seq));
        old.len()
    }
}
