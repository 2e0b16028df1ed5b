//! Which messages of a channel are not settled yet, and how to settle some with few frames.

use std::collections::BTreeSet;

/// The broker's numbers of the messages that a channel has delivered and nobody has settled.
#[derive(Debug, Default)]
pub(crate) struct Unsettled(BTreeSet<u64>);

/// One frame that settles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: u64,
    /// Every unsettled message up to this one, too.
    pub(crate) multiple: bool,
}

impl Unsettled {
    pub(crate) fn insert(&mut self, tag: u64) {
        self.0.insert(tag);
    }

    /// Settles those of `tags` that are not settled yet; the others are somebody's mistake, and
    /// the broker would close the channel for them.
    ///
    /// A frame that says "and all before it" covers the beginning for as far as no message in it
    /// is still being worked on; what lies behind the first gap is settled one by one.
    pub(crate) fn settle(&mut self, tags: impl IntoIterator<Item = u64>) -> Vec<Frame> {
        let tags: BTreeSet<u64> = tags.into_iter().filter(|tag| self.0.contains(tag)).collect();
        let together = self.0.iter().zip(&tags).take_while(|(unsettled, tag)| unsettled == tag).count();
        let mut frames = Vec::with_capacity(1 + tags.len() - together);
        if let Some(tag) = tags.iter().take(together).next_back() {
            frames.push(Frame { tag: *tag, multiple: together > 1 });
        }
        frames.extend(tags.iter().skip(together).map(|tag| Frame { tag: *tag, multiple: false }));
        self.0.retain(|tag| !tags.contains(tag));
        frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unsettled(tags: impl IntoIterator<Item = u64>) -> Unsettled {
        Unsettled(tags.into_iter().collect())
    }

    fn check(before: &[u64], tags: &[u64], frames: &[(u64, bool)], after: &[u64]) {
        let mut set = unsettled(before.iter().copied());
        let found: Vec<_> = set.settle(tags.iter().copied()).iter().map(|frame| (frame.tag, frame.multiple)).collect();
        assert_eq!(found, frames);
        assert_eq!(set.0, after.iter().copied().collect());
    }

    #[test]
    fn the_beginning_is_settled_together_and_the_rest_one_by_one() {
        check(&[1, 2, 3, 4], &[1, 2, 3], &[(3, true)], &[4]);
        check(&[1, 2, 3, 4], &[2, 3], &[(2, false), (3, false)], &[1, 4]);
        check(&[1, 2, 3, 4], &[4, 2, 1], &[(2, true), (4, false)], &[3]);
        check(&[5, 9], &[5], &[(5, false)], &[9]);
        check(&[5, 9], &[9, 5], &[(9, true)], &[]);
    }

    #[test]
    fn what_was_never_delivered_or_is_settled_is_left_out() {
        check(&[2, 3], &[1, 2, 7], &[(2, false)], &[3]);
        check(&[], &[1, 2], &[], &[]);
        check(&[1], &[], &[], &[1]);
    }

    /// What the broker does with a frame.
    fn broker(unsettled: &mut BTreeSet<u64>, frame: Frame) {
        match frame.multiple {
            true => unsettled.retain(|tag| *tag > frame.tag),
            false => assert!(unsettled.remove(&frame.tag), "the broker closes the channel for {frame:?}"),
        }
    }

    proptest! {
        #[test]
        fn the_broker_settles_exactly_what_was_asked(
            tags in prop::collection::btree_set(1_u64..40, 0..30),
            rounds in prop::collection::vec(prop::collection::vec(1_u64..45, 0..12), 1..8),
        ) {
            let mut ours = unsettled(tags.clone());
            let mut theirs = tags;
            for round in rounds {
                let expected: BTreeSet<u64> = theirs.iter().copied().filter(|tag| !round.contains(tag)).collect();
                for frame in ours.settle(round) {
                    broker(&mut theirs, frame);
                }
                prop_assert_eq!(&theirs, &expected);
                prop_assert_eq!(&ours.0, &expected);
            }
        }
    }
}
