//! Leases of both stores: each grows in its own steps, so they are known by each other.

use std::collections::HashMap;

use crate::delivery::{Delivery, DeliveryId, Lease, LeaseRef, Settlement};

/// Which lease of the store under test stands for which one of the memory store.
#[derive(Default)]
pub(super) struct Leases {
    tested: HashMap<LeaseRef, Lease>,
    greatest: HashMap<DeliveryId, Lease>,
}

impl Leases {
    /// Notes what the same claim has given out, and answers it as the memory store would name it.
    pub(super) fn note(&mut self, reference: &[Delivery], tested: Vec<Delivery>) -> Result<Vec<Delivery>, String> {
        let mut named = tested;
        for (reference, tested) in reference.iter().zip(&mut named) {
            let before = self.greatest.insert(tested.delivery_id, tested.lease);
            if before.is_some_and(|before| before >= tested.lease) {
                return Err(format!("claim gives a lease that is not greater than {before:?}: {tested:?}"));
            }
            self.tested.insert(reference.lease_ref(), tested.lease);
            tested.lease = reference.lease;
        }
        Ok(named)
    }

    /// The same claims, as the store under test names them.
    pub(super) fn of_tested(&self, leases: Vec<LeaseRef>) -> Vec<LeaseRef> {
        let named = |it: LeaseRef| LeaseRef { lease: self.tested.get(&it).copied().unwrap_or(it.lease), ..it };
        leases.into_iter().map(named).collect()
    }

    /// The same settlement, as the store under test is told of it.
    pub(super) fn settlement(&self, settlement: Settlement) -> Settlement {
        let claim = LeaseRef { delivery_id: settlement.delivery_id, lease: settlement.lease };
        Settlement { lease: self.tested.get(&claim).copied().unwrap_or(settlement.lease), ..settlement }
    }
}
