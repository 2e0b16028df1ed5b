//! Leasing due deliveries: which targets have their turn, and how much each gives out.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::state::State;
use crate::{
    delivery::{Delivery, DeliveryId, HandlerName, Lease, Pacing, Target, later},
    ports::ClaimRequest,
};

impl State {
    pub(super) fn claim(&mut self, request: &ClaimRequest) -> Vec<Delivery> {
        let ready = self.ready_targets(&request.handler).into_iter();
        let ready = ready.take_while(|(at, _)| *at <= request.now).map(|(_, target)| target);
        let allowed = |target: &Target| request.pacing.is_some() || request.allowances.of(target) > 0;
        let candidates: Vec<Target> = ready.filter(allowed).take(request.limit).collect();
        let shares = match &request.pacing {
            None => self.fair_shares(candidates, request),
            Some(pacing) => self.paced_shares(candidates, pacing, request),
        };
        let lease_until = later(request.now, request.lease_for);
        let leased = shares.into_iter().flatten();
        leased.filter_map(|delivery_id| self.lease(delivery_id, lease_until)).collect()
    }

    /// The targets of a handler that something waits for, with the time from which it can be
    /// claimed, earliest first. Disabled ones are not among them.
    fn ready_targets(&self, handler: &HandlerName) -> Vec<(Timestamp, Target)> {
        let mut earliest_due = BTreeMap::new();
        for delivery in self.deliveries.values().filter(|it| it.handler == *handler && it.waits()) {
            let earliest = earliest_due.entry(&delivery.target).or_insert(delivery.due_at);
            *earliest = delivery.due_at.min(*earliest);
        }
        let mut ready = Vec::new();
        for (target, due_at) in earliest_due {
            let Some(row) = self.targets.get(&(handler.clone(), target.clone())) else {
                ready.push((due_at, target.clone()));
                continue;
            };
            if row.disabled.is_none() {
                let rests = [row.paused_until, row.not_before].into_iter().flatten();
                ready.push((rests.fold(due_at, Timestamp::max), target.clone()));
            }
        }
        ready.sort();
        ready
    }

    pub(super) fn next_due(&self, handler: &HandlerName) -> Option<Timestamp> {
        self.ready_targets(handler).first().map(|(at, _)| *at)
    }

    /// What is due for a target, in the order in which it is handed out.
    fn due(&self, handler: &HandlerName, target: &Target, now: Timestamp) -> Vec<DeliveryId> {
        let due =
            self.deliveries.values().filter(|it| it.handler == *handler && it.target == *target && it.is_due(now));
        let mut due: Vec<_> = due.map(|it| (it.due_at, it.delivery_id)).collect();
        due.sort();
        due.into_iter().map(|(_, delivery_id)| delivery_id).collect()
    }

    /// The same for every target; what some leave goes to the first that have more.
    fn fair_shares(&self, candidates: Vec<Target>, request: &ClaimRequest) -> Vec<Vec<DeliveryId>> {
        let quota = (request.limit / candidates.len().max(1)).max(1);
        let due = candidates.iter().map(|target| {
            let mut due = self.due(&request.handler, target, request.now);
            due.truncate(request.allowances.of(target));
            due
        });
        let due: Vec<_> = due.collect();
        let mut room = request.limit - due.iter().map(|due| due.len().min(quota)).sum::<usize>();
        let mut shares = Vec::new();
        for mut due in due {
            let more = due.len().saturating_sub(quota).min(room);
            room -= more;
            due.truncate(quota + more);
            shares.push(due);
        }
        shares
    }

    /// What the rate of each target grants.
    fn paced_shares(
        &mut self,
        candidates: Vec<Target>,
        pacing: &Pacing,
        request: &ClaimRequest,
    ) -> Vec<Vec<DeliveryId>> {
        let mut room = request.limit;
        let mut shares = Vec::new();
        for target in candidates {
            if room == 0 {
                break;
            }
            let mut due = self.due(&request.handler, &target, request.now);
            let waiting = due.len().min(pacing.digest_max.saturating_add(1));
            let row = self.target_row(&request.handler, &target);
            let grant = pacing.take(row.paced_until, waiting, room, request.now);
            row.paced_until = Some(grant.paced_until);
            row.not_before = Some(grant.next_at);
            due.truncate(grant.deliveries);
            room -= due.len();
            shares.push(due);
        }
        shares
    }

    pub(super) fn lease(&mut self, delivery_id: DeliveryId, lease_until: Timestamp) -> Option<Delivery> {
        let delivery = self.deliveries.get_mut(&delivery_id)?;
        delivery.attempts += 1;
        delivery.lease = Lease(delivery.lease.0 + 1);
        delivery.lease_until = Some(lease_until);
        let delivery = delivery.clone();
        Some(Delivery {
            delivery_id,
            lease: delivery.lease,
            lease_until,
            seq: delivery.seq,
            event: Arc::clone(self.event_at(delivery.seq)),
            handler: delivery.handler,
            target: delivery.target,
            attempt: delivery.attempts,
            due_at: delivery.due_at,
            guard: delivery.guard,
        })
    }
}
