//! The claims a lane holds: how many calls they are for, and which need renewing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::ticket::Ticket;
use crate::delivery::{Delivery, LeaseRef};

/// Claims held by one lane, each from its claim until its settlement is on the way.
#[derive(Clone, Default)]
pub(super) struct Held {
    leases: Arc<Mutex<HashMap<LeaseRef, Claim>>>,
    freed: Arc<Notify>,
}

/// What is known of a claim.
struct Claim {
    ends: Timestamp,
    /// It goes along in the call of another.
    goes_along: bool,
    /// The word that led to it.
    ticket: Arc<Ticket>,
}

impl Held {
    fn leases(&self) -> MutexGuard<'_, HashMap<LeaseRef, Claim>> {
        // The map is whole even after a panic elsewhere: every change is one call.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls of the handler that the claims are for.
    pub(super) fn calls(&self) -> usize {
        self.leases().values().filter(|claim| !claim.goes_along).count()
    }

    pub(super) fn add(&self, deliveries: &[Delivery], ticket: &Arc<Ticket>) {
        let mut leases = self.leases();
        for delivery in deliveries {
            let claim = Claim { ends: delivery.lease_until, goes_along: false, ticket: Arc::clone(ticket) };
            leases.insert(delivery.lease_ref(), claim);
        }
    }

    /// The word that led to a claim, while it is ours.
    pub(super) fn ticket(&self, lease: LeaseRef) -> Option<Arc<Ticket>> {
        self.leases().get(&lease).map(|claim| Arc::clone(&claim.ticket))
    }

    /// Counts the deliveries of a digest as one call, until the last of them is let go.
    pub(super) fn join(&self, digest: &[Delivery]) {
        let mut leases = self.leases();
        for delivery in digest.iter().rev().skip(1) {
            if let Some(claim) = leases.get_mut(&delivery.lease_ref()) {
                claim.goes_along = true;
            }
        }
    }

    /// Whether the claim is still ours, as far as we know.
    pub(super) fn has(&self, lease: LeaseRef) -> bool {
        self.leases().contains_key(&lease)
    }

    /// Lets go of a claim.
    pub(super) fn free(&self, lease: LeaseRef) {
        self.leases().remove(&lease);
        self.freed.notify_one();
    }

    /// Waits until a claim was let go since the last wait.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Claims that end before `deadline`.
    pub(super) fn ending_before(&self, deadline: Timestamp) -> Vec<LeaseRef> {
        let leases = self.leases();
        leases.iter().filter(|(_, claim)| claim.ends < deadline).map(|(lease, _)| *lease).collect()
    }

    /// Notes that claims last until `until` now, and lets go of those that were lost.
    pub(super) fn renewed(&self, renewed: &[LeaseRef], lost: &[LeaseRef], until: Timestamp) {
        let mut leases = self.leases();
        for lease in renewed {
            if let Some(claim) = leases.get_mut(lease) {
                claim.ends = until;
            }
        }
        for lease in lost {
            if let Some(claim) = leases.remove(lease) {
                claim.ticket.settled();
            }
        }
    }
}
