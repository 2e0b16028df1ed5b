//! Leasing due deliveries: which targets have their turn, and how much each gives out.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::state::State;
use crate::{
    delivery::{Delivery, DeliveryId, HandlerName, Lease, Pacing, Target, Turn, turns},
    ports::ClaimRequest,
    webhooks,
};

impl State {
    pub(super) fn claim(&mut self, request: &ClaimRequest) -> Vec<Delivery> {
        let ready = self.ready_targets(&request.handler).into_iter();
        let ready = ready.take_while(|(at, _)| *at <= request.now).map(|(_, target)| target);
        let allowed = |target: &Target| request.pacing.is_some() || request.allowances.of(target) > 0;
        let ready: Vec<Target> = ready.filter(allowed).collect();
        let shares = match &request.pacing {
            None => self.fair_shares(&ready, request),
            Some(pacing) => self.paced_shares(ready, pacing, request),
        };
        let lease_until = request.lease_until(request.now);
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

    /// Whose endpoint a target is.
    fn organization_of(&self, handler: &HandlerName, target: &Target) -> Option<String> {
        if handler.as_str() != webhooks::HANDLER {
            return None;
        }
        let subscription = self.webhooks.subscriptions().find(|it| Target::from(it.subscription_id) == *target);
        subscription.and_then(|subscription| subscription.organization_id.clone())
    }

    /// The share of each target; what some leave goes to the first that have more.
    fn fair_shares(&self, ready: &[Target], request: &ClaimRequest) -> Vec<Vec<DeliveryId>> {
        let organizations = ready.iter().map(|target| self.organization_of(&request.handler, target));
        let organizations: Vec<_> = organizations.collect();
        let due = turns(&organizations, request.limit).into_iter().map(|Turn { target, share }| {
            let mut due = self.due(&request.handler, &ready[target], request.now);
            due.truncate(request.allowances.of(&ready[target]));
            (share, due)
        });
        let due: Vec<_> = due.collect();
        let mut room = request.limit - due.iter().map(|(share, due)| due.len().min(*share)).sum::<usize>();
        let mut shares = Vec::new();
        for (share, mut due) in due {
            let more = due.len().saturating_sub(share).min(room);
            room -= more;
            due.truncate(share + more);
            shares.push(due);
        }
        shares
    }

    /// What the rate of each target grants.
    fn paced_shares(&mut self, ready: Vec<Target>, pacing: &Pacing, request: &ClaimRequest) -> Vec<Vec<DeliveryId>> {
        let mut room = request.limit;
        let mut shares = Vec::new();
        for target in ready.into_iter().take(request.limit) {
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
