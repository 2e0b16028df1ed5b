//! Turns: deliveries that are at hand wait here, by target, until it is their turn.
//!
//! Each target has **callers**, no more than calls may be made to it at once. A caller takes one delivery after the
//! other, so that the next call begins where the last one ended, without a look at the store between them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::delivery::Target;

/// What waits for its turn in one lane: deliveries, outside of tests.
pub(super) struct Turns<T>(Mutex<HashMap<Target, Line<T>>>);

/// What waits for one target, and how many callers take from it.
struct Line<T> {
    waiting: VecDeque<T>,
    callers: usize,
    most: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Turns<T> {
    fn lines(&self) -> MutexGuard<'_, HashMap<Target, Line<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while lines change
    }

    /// Adds deliveries of one target, which gets `at_once` calls at once (at least one). Answers how many callers
    /// are to be started.
    pub(super) fn add(&self, target: &Target, deliveries: impl IntoIterator<Item = T>, at_once: usize) -> usize {
        let mut lines = self.lines();
        let new = || Line { waiting: VecDeque::new(), callers: 0, most: 0 };
        let line = lines.entry(target.clone()).or_insert_with(new);
        line.waiting.extend(deliveries);
        line.most = at_once.max(1);
        let more = line.most.saturating_sub(line.callers).min(line.waiting.len());
        line.callers += more;
        more
    }

    /// The next delivery for a caller. After `None` the caller is gone: nothing waits, or the target gets fewer
    /// calls at once by now.
    pub(super) fn next(&self, target: &Target) -> Option<T> {
        let mut lines = self.lines();
        let line = lines.get_mut(target)?;
        let next = if line.callers > line.most { None } else { line.waiting.pop_front() };
        if next.is_none() {
            line.callers -= 1;
            if line.callers == 0 {
                lines.remove(target);
            }
        }
        next
    }

    /// Takes all that waits for its turn: the target wants no further calls now.
    pub(super) fn take(&self, target: &Target) -> VecDeque<T> {
        self.lines().get_mut(target).map(|line| std::mem::take(&mut line.waiting)).unwrap_or_default()
    }

    /// Takes all that waits for its turn with any target.
    pub(super) fn take_all(&self) -> Vec<T> {
        self.lines().values_mut().flat_map(|line| std::mem::take(&mut line.waiting)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_gets_no_more_callers_than_calls_at_once() {
        let (turns, target) = (Turns::default(), Target::from("a"));
        assert_eq!(turns.add(&target, 0..1, 3), 1);
        assert_eq!(turns.add(&target, 0..5, 3), 2);
        assert_eq!(turns.add(&target, 0..1, 3), 0);
        assert_eq!(turns.add(&"b".into(), 0..2, 0), 1, "one at least");
        let taken = std::iter::from_fn(|| turns.next(&target)).count();
        assert_eq!(taken, 7);
        assert_eq!(turns.add(&target, 0..3, 3), 1, "one caller of three is gone");
    }

    #[test]
    fn callers_leave_when_a_target_bears_fewer_calls() {
        let (turns, target) = (Turns::default(), Target::from("a"));
        assert_eq!(turns.add(&target, 0..8, 4), 4);
        assert_eq!(turns.add(&target, 0..1, 2), 0);
        assert!(turns.next(&target).is_none() && turns.next(&target).is_none());
        assert!(turns.next(&target).is_some(), "two are left");
    }

    #[test]
    fn what_is_taken_waits_no_longer() {
        let (turns, target) = (Turns::default(), Target::from("a"));
        turns.add(&target, 0..4, 2);
        assert_eq!(turns.take(&target).len(), 4);
        assert!(turns.next(&target).is_none() && turns.next(&target).is_none());
        assert!(turns.lines().is_empty());
        assert!(turns.next(&target).is_none() && turns.take(&target).is_empty());
    }
}
