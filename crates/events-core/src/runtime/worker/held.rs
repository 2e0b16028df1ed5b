//! The claims a lane holds: how many more it may take, and which need renewing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::delivery::{Delivery, LeaseRef};

/// Claims held by one lane, each from its claim until its settlement is on the way.
#[derive(Clone, Default)]
pub(super) struct Held {
    leases: Arc<Mutex<HashMap<LeaseRef, Timestamp>>>,
    freed: Arc<Notify>,
}

impl Held {
    fn leases(&self) -> MutexGuard<'_, HashMap<LeaseRef, Timestamp>> {
        // The map is whole even after a panic elsewhere: every change is one call.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.leases().len()
    }

    pub(super) fn add(&self, deliveries: &[Delivery]) {
        let mut leases = self.leases();
        for delivery in deliveries {
            leases.insert(delivery.lease_ref(), delivery.lease_until);
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
        leases.iter().filter(|(_, until)| **until < deadline).map(|(lease, _)| *lease).collect()
    }

    /// Notes that claims last until `until` now, and lets go of those that were lost.
    pub(super) fn renewed(&self, renewed: &[LeaseRef], lost: &[LeaseRef], until: Timestamp) {
        let mut leases = self.leases();
        for lease in renewed {
            if let Some(ends) = leases.get_mut(lease) {
                *ends = until;
            }
        }
        for lease in lost {
            leases.remove(lease);
        }
    }
}
