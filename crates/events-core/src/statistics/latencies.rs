//! How long calls took, as a histogram that can be added up.
//!
//! A percentile of many days cannot be told from the percentiles of each. So calls are counted by how long they took,
//! in groups whose bounds never change: whole milliseconds up to 6 ms, and above that each group ends a fifth above
//! where it begins. What is told of a group is its middle, which is within 10 % of any time in it.

/// Groups: enough to reach two minutes. The last one has no end.
const GROUPS: usize = 60;

/// Where each group begins, in milliseconds. **Never change these:** stores keep counts by group.
const BEGINS: [u32; GROUPS] = begins();

const fn begins() -> [u32; GROUPS] {
    let mut begins = [0_u32; GROUPS];
    let mut at = 1;
    while at < GROUPS {
        let before = begins[at - 1];
        let fifth_more = (before * 6).div_ceil(5);
        begins[at] = if fifth_more > before { fifth_more } else { before + 1 };
        at += 1;
    }
    begins
}

/// Counts of calls by how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies(Vec<u64>);

impl Latencies {
    /// Counts as they are stored: by group, without the zeros at the end. What is beyond the last group is left out.
    #[must_use]
    pub fn from_groups(mut counts: Vec<u64>) -> Self {
        counts.truncate(GROUPS);
        while counts.last() == Some(&0) {
            counts.pop();
        }
        Self(counts)
    }

    /// The counts by group, without the zeros at the end.
    #[must_use]
    pub fn groups(&self) -> &[u64] {
        &self.0
    }

    /// Counts `calls` that took this long.
    pub fn add(&mut self, milliseconds: u32, calls: u64) {
        if calls == 0 {
            return;
        }
        let group = BEGINS.partition_point(|begin| *begin <= milliseconds) - 1; // the first begins at 0
        if self.0.len() <= group {
            self.0.resize(group + 1, 0);
        }
        self.0[group] = self.0[group].saturating_add(calls);
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count = count.saturating_add(*more);
        }
    }

    /// Calls counted.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The time in milliseconds within which this share of the calls ended, to 10 %; `None` without calls. `share`
    /// is from 0 to 1, 0.95 for the p95. Times of two minutes and more are told as the beginning of the last group.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let calls = self.calls();
        let wanted = ((calls as f64 * share.clamp(0.0, 1.0)).ceil() as u64).clamp(1, calls.max(1));
        let mut seen = 0_u64;
        let group = self.0.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= wanted
        })?;
        let begin = f64::from(BEGINS[group]);
        let last = BEGINS.get(group + 1).map_or(begin, |next| f64::from(next - 1));
        Some((begin * last).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn of(times: &[u32]) -> Latencies {
        let mut latencies = Latencies::default();
        times.iter().for_each(|time| latencies.add(*time, 1));
        latencies
    }

    #[test]
    fn groups_are_narrow_and_reach_two_minutes() {
        assert_eq!(BEGINS[..14], [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 27]);
        assert!(BEGINS[GROUPS - 1] >= 120_000, "{}", BEGINS[GROUPS - 1]);
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Latencies::default().percentile(0.95), None);
    }

    #[test]
    fn a_share_of_all_calls_is_the_longest_and_none_the_shortest() {
        let latencies = of(&[1, 2, 3, 4]);
        assert_eq!((latencies.percentile(0.0), latencies.percentile(1.0)), (Some(1.0), Some(4.0)));
        assert_eq!(latencies.percentile(0.5), Some(2.0));
    }

    #[test]
    fn what_takes_for_ever_is_in_the_last_group() {
        assert_eq!(of(&[u32::MAX]).percentile(0.95), Some(f64::from(BEGINS[GROUPS - 1])));
    }

    proptest! {
        /// The p95 is within 10 % of the exact one, however the times lie.
        #[test]
        fn a_percentile_is_right_to_ten_percent(mut times in vec(0..100_000_u32, 1..300)) {
            let told = of(&times).percentile(0.95).unwrap();
            times.sort_unstable();
            let rank = (times.len() as f64 * 0.95).ceil() as usize;
            let exact = f64::from(times[rank - 1]);
            prop_assert!((told - exact).abs() <= exact * 0.1, "{told} for {exact}");
        }

        /// It makes no difference where calls were counted before their counts were added up.
        #[test]
        fn counts_of_parts_add_up(one in vec(0..100_000_u32, 0..50), other in vec(0..100_000_u32, 0..50)) {
            let whole = of(&[one.clone(), other.clone()].concat());
            let mut parts = of(&one);
            parts.merge(&of(&other));
            prop_assert_eq!(&parts, &whole);
            prop_assert_eq!(Latencies::from_groups([whole.groups(), &[0, 0]].concat()), whole);
        }
    }
}
