//! Reading statistics: what was counted, and what was not counted yet.

use std::collections::BTreeMap;

use super::{Day, Tally};
use crate::{
    delivery::Target,
    ports::{Statistics, StatisticsQuery, StoreError},
};

/// Attempts and events that a reader counts itself at most, of each kind: a third of a second at worst. Where more
/// are left, counting has not caught up yet.
const REST: usize = 50_000;

/// Statistics by day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Attempts by what was asked for: `None` for all or an organization, or each target.
    pub attempts: BTreeMap<Option<Target>, BTreeMap<Day, Tally>>,
    /// Events recorded; none when targets were asked for.
    pub events: BTreeMap<Day, u64>,
    /// Whether everything is in it. `false` while what was stored before statistics began is still being counted.
    pub is_complete: bool,
}

impl Report {
    /// All days of one of [`Self::attempts`] together.
    #[must_use]
    pub fn total(&self, of: Option<&Target>) -> Tally {
        let mut total = Tally::default();
        for tally in self.attempts.get(&of.cloned()).into_iter().flat_map(BTreeMap::values) {
            total.merge(tally);
        }
        total
    }
}

/// Answers what was counted together with what was not yet: an attempt or event whose call has returned is in it once.
///
/// # Errors
/// When the store does not answer.
pub async fn read(statistics: &dyn Statistics, query: &StatisticsQuery) -> Result<Report, StoreError> {
    // In this order: what is counted in between is then in the rest, and not among what was counted before.
    let counted = statistics.counted(query).await?;
    let rest = statistics.rest(query, counted.position, REST).await?;
    let mut report = Report { is_complete: !rest.more, ..Report::default() };
    for (target, day, tally) in counted.attempts {
        report.attempts.entry(target).or_default().entry(day).or_default().merge(&tally);
    }
    for group in rest.attempts.iter().filter(|group| group.day >= query.since) {
        let whose = query.of.is_targets().then(|| group.target.clone());
        report.attempts.entry(whose).or_default().entry(group.day).or_default().add(group);
    }
    let new = rest.events.into_iter().map(|group| (group.day, group.count));
    for (day, count) in counted.events.into_iter().chain(new.filter(|(day, _)| *day >= query.since)) {
        let sum = report.events.entry(day).or_default();
        *sum = sum.saturating_add(count);
    }
    Ok(report)
}
