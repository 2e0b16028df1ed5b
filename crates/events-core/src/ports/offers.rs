//! Which of the deliveries that routing makes are offered to lanes that wait.

use std::collections::HashMap;

use jiff::Timestamp;

use super::store::{ClaimRequest, NewDelivery};
use crate::delivery::Target;

/// For each delivery, which offer it would be leased to: what is due, no more than limit and allowances of the offer say,
/// one of each target before one target gets more. Whether its target is ready is the store's to find out.
#[must_use]
pub fn offered<'o>(
    deliveries: &[&NewDelivery],
    offers: &'o [ClaimRequest],
    now: Timestamp,
) -> Vec<Option<&'o ClaimRequest>> {
    let mut offered = vec![None; deliveries.len()];
    for offer in offers {
        let mut of_target: HashMap<&Target, usize> = HashMap::new();
        let is_due = |new: &NewDelivery| new.handler == offer.handler && new.due_at <= now;
        let due = deliveries.iter().enumerate().filter(|(_, new)| is_due(new)).filter_map(|(at, new)| {
            let nth = of_target.entry(&new.target).or_default();
            *nth += 1;
            (*nth <= offer.allowances.of(&new.target)).then_some((*nth, at))
        });
        let mut due: Vec<(usize, usize)> = due.collect();
        due.sort_unstable();
        due.truncate(offer.limit);
        due.into_iter().for_each(|(_, at)| offered[at] = Some(offer));
    }
    offered
}
