//! The claims a lane holds: how many calls they are for, and which need renewing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{room::Allowed, ticket::Ticket};
use crate::{
    delivery::{Delivery, LeaseRef, Target},
    ports::TargetLimits,
};

/// Claims held by one lane, each from its claim until its settlement is on the way.
#[derive(Clone, Default)]
pub(super) struct Held {
    claims: Arc<Mutex<Claims>>,
    freed: Arc<Notify>,
}

#[derive(Default)]
struct Claims {
    leases: HashMap<LeaseRef, Claim>,
    targets: HashMap<Target, OfTarget>,
    /// How many calls they would be for if none went along in the call of another.
    calls: usize,
    /// How many go along.
    along: usize,
}

/// What is held of one target.
#[derive(Default)]
struct OfTarget {
    count: usize,
    /// As many calls of it may be under way at once; what is held beyond that waits for its turn.
    at_once: usize,
}

impl OfTarget {
    /// Calls that take room from those of other targets.
    fn calls(&self) -> usize {
        self.count.min(self.at_once)
    }
}

/// What is known of a claim.
struct Claim {
    ends: Timestamp,
    /// It goes along in the call of another.
    goes_along: bool,
    /// The word that led to it.
    ticket: Arc<Ticket>,
    target: Target,
}

impl Claims {
    fn insert(&mut self, lease: LeaseRef, claim: Claim, at_once: usize) {
        self.change(&claim.target, |of_target| {
            of_target.count += 1;
            of_target.at_once = at_once;
        });
        self.leases.insert(lease, claim);
    }

    fn remove(&mut self, lease: LeaseRef) -> Option<Claim> {
        let claim = self.leases.remove(&lease)?;
        if claim.goes_along {
            self.along -= 1;
        }
        self.change(&claim.target, |of_target| of_target.count -= 1);
        Some(claim)
    }

    fn change(&mut self, target: &Target, change: impl FnOnce(&mut OfTarget)) {
        if !self.targets.contains_key(target) {
            self.targets.insert(target.clone(), OfTarget::default());
        }
        let Some(of_target) = self.targets.get_mut(target) else { return };
        let before = of_target.calls();
        change(of_target);
        self.calls = self.calls + of_target.calls() - before;
        if of_target.count == 0 {
            self.targets.remove(target);
        }
    }
}

impl Held {
    fn claims(&self) -> MutexGuard<'_, Claims> {
        // The maps are whole even after a panic elsewhere: nothing panics while they change.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls of the handler that the claims are for, and how many there are with those that wait for their turn: with
    /// a target that gets as many calls as it may have at once, they would take the room of others.
    pub(super) fn calls(&self) -> (usize, usize) {
        let claims = self.claims();
        (claims.calls - claims.along, claims.leases.len() - claims.along)
    }

    pub(super) fn add(&self, deliveries: &[Delivery], limits: &TargetLimits, ticket: &Arc<Ticket>) {
        let mut claims = self.claims();
        for delivery in deliveries {
            let (ends, target) = (delivery.lease_until, delivery.target.clone());
            let claim = Claim { ends, goes_along: false, ticket: Arc::clone(ticket), target };
            claims.insert(delivery.lease_ref(), claim, limits.of(&delivery.target).calls);
        }
    }

    /// How many are held of each target.
    pub(super) fn by_target(&self) -> Vec<(Target, usize)> {
        self.claims().targets.iter().map(|(target, of_target)| (target.clone(), of_target.count)).collect()
    }

    /// Waits until one of these targets may have more.
    pub(super) async fn one_has_room(&self, full: &[Allowed]) {
        loop {
            let has_room = {
                let claims = self.claims();
                let held =
                    |allowed: &Allowed| claims.targets.get(&allowed.target).map_or(0, |of_target| of_target.count);
                full.iter().any(|allowed| allowed.left(held(allowed)) > 0)
            };
            if has_room {
                return;
            }
            self.freed().await;
        }
    }

    /// The word that led to a claim, while it is ours.
    pub(super) fn ticket(&self, lease: LeaseRef) -> Option<Arc<Ticket>> {
        self.claims().leases.get(&lease).map(|claim| Arc::clone(&claim.ticket))
    }

    /// Counts the deliveries of a digest as one call, until the last of them is let go.
    pub(super) fn join(&self, digest: &[Delivery]) {
        let mut claims = self.claims();
        let Claims { leases, along, .. } = &mut *claims;
        for delivery in digest.iter().rev().skip(1) {
            if let Some(claim) = leases.get_mut(&delivery.lease_ref())
                && !claim.goes_along
            {
                claim.goes_along = true;
                *along += 1;
            }
        }
    }

    /// Whether the claim is still ours, as far as we know.
    pub(super) fn has(&self, lease: LeaseRef) -> bool {
        self.claims().leases.contains_key(&lease)
    }

    /// Lets go of a claim.
    pub(super) fn free(&self, lease: LeaseRef) {
        self.claims().remove(lease);
        self.freed.notify_one();
    }

    /// Waits until a claim was let go since the last wait.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Claims that end before `deadline`.
    pub(super) fn ending_before(&self, deadline: Timestamp) -> Vec<LeaseRef> {
        let claims = self.claims();
        claims.leases.iter().filter(|(_, claim)| claim.ends < deadline).map(|(lease, _)| *lease).collect()
    }

    /// Notes that claims last until `until` now, and lets go of those that were lost.
    pub(super) fn renewed(&self, renewed: &[LeaseRef], lost: &[LeaseRef], until: Timestamp) {
        let mut claims = self.claims();
        for lease in renewed {
            if let Some(claim) = claims.leases.get_mut(lease) {
                claim.ends = until;
            }
        }
        for lease in lost {
            if let Some(claim) = claims.remove(*lease) {
                claim.ticket.settled();
            }
        }
    }
}
