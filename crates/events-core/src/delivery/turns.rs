//! Whose turn it is: how a claim is shared among organizations and their targets.

use std::collections::BTreeMap;

/// A target that has its turn in a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which of the targets that were given.
    pub target: usize,
    /// What it gets before others get more; 0 for one that only gets what others leave.
    pub share: usize,
}

/// Shares a claim of `limit` deliveries among targets that are ready. They are given by the organization they belong
/// to, in the order in which they became ready; those that belong to none count as those of one.
///
/// The first target of every organization has its turn before the second of one, and `limit` targets have one at most.
/// Every organization among them gets the same share, and of that each of its targets the same. Shares together are
/// no more than `limit`.
#[must_use]
pub fn turns<O: Ord>(organizations: &[O], limit: usize) -> Vec<Turn> {
    let mut targets_of: BTreeMap<&O, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, usize)> = Vec::with_capacity(organizations.len());
    for (target, organization) in organizations.iter().enumerate() {
        let nth = targets_of.entry(organization).or_default();
        *nth += 1;
        turns.push((*nth, target));
    }
    turns.sort_unstable();
    turns.truncate(limit);

    let mut turns_of: BTreeMap<&O, usize> = BTreeMap::new();
    for (_, target) in &turns {
        *turns_of.entry(&organizations[*target]).or_default() += 1;
    }
    let of_organization = limit / turns_of.len().max(1);
    let turn = |(nth, target): (usize, usize)| {
        let of_target = (of_organization / turns_of[&organizations[target]]).max(1);
        Turn { target, share: if nth > of_organization { 0 } else { of_target } }
    };
    turns.into_iter().map(turn).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(organizations: &str, limit: usize, expected: &[(usize, usize)]) {
        let organizations: Vec<char> = organizations.chars().collect();
        let turns: Vec<_> = turns(&organizations, limit).iter().map(|turn| (turn.target, turn.share)).collect();
        assert_eq!(turns, expected);
    }

    #[test]
    fn organizations_have_the_same_share_and_their_targets_the_same_of_it() {
        check("aaa", 9, &[(0, 3), (1, 3), (2, 3)]);
        check("aaab", 8, &[(0, 1), (3, 4), (1, 1), (2, 1)]);
        check("abc", 3, &[(0, 1), (1, 1), (2, 1)]);
        check("", 3, &[]);
        check("ab", 0, &[]);
    }

    #[test]
    fn more_targets_than_the_limit_are_those_that_were_ready_first() {
        check("aaaaab", 2, &[(0, 1), (5, 1)]);
        check("abcd", 2, &[(0, 1), (1, 1)]);
        check("aaaaab", 4, &[(0, 1), (5, 2), (1, 1), (2, 0)]);
    }

    proptest! {
        #[test]
        fn shares_fit_and_nobody_is_left_out(organizations in "[a-d]{0,12}", limit in 0..20_usize) {
            let organizations: Vec<char> = organizations.chars().collect();
            let turns = turns(&organizations, limit);
            prop_assert_eq!(turns.len(), organizations.len().min(limit));
            prop_assert!(turns.iter().map(|turn| turn.share).sum::<usize>() <= limit);
            let mut all: Vec<char> = organizations.clone();
            all.sort_unstable();
            all.dedup();
            if all.len() <= limit {
                for organization in all {
                    let shares = turns.iter().filter(|turn| organizations[turn.target] == organization).map(|turn| turn.share);
                    prop_assert!(shares.sum::<usize>() > 0, "{} gets nothing", organization);
                }
            }
        }
    }
}
