//! A receipt: which channel a reference came over, and its number there.

use events_core::ports::Receipt;

/// Bits for the broker's number of a message on a channel. A million messages a second fill them
/// in twelve days, and the channel that got so far is made anew.
const TAG_BITS: u32 = 40;

/// One opening of one channel in the life of this process. After 2^24 of them they begin again;
/// that is years of reconnecting once a second, and no receipt is kept for that long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        Self(number % (1 << (64 - TAG_BITS)))
    }

    /// The receipt of a message; none when the broker has counted further than receipts can.
    pub(crate) fn receipt(self, tag: u64) -> Option<Receipt> {
        (tag < 1 << TAG_BITS).then_some(Receipt(self.0 << TAG_BITS | tag))
    }

    /// The message that a receipt names, if it came in this generation.
    pub(crate) fn tag(self, receipt: Receipt) -> Option<u64> {
        (receipt.0 >> TAG_BITS == self.0).then_some(receipt.0 & ((1 << TAG_BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_receipt_is_understood_in_its_own_generation_only(
            generation in 0_u64..1 << 24, other in 0_u64..1 << 24, tag in 0_u64..1 << 40,
        ) {
            let receipt = Generation::new(generation).receipt(tag).expect("the tag fits");
            prop_assert_eq!(Generation::new(generation).tag(receipt), Some(tag));
            prop_assert_eq!(Generation::new(other).tag(receipt).is_some(), generation == other);
        }
    }

    #[test]
    fn a_tag_that_does_not_fit_gets_no_receipt() {
        assert_eq!(Generation::new(3).receipt(1 << TAG_BITS), None);
    }

    #[test]
    fn generations_begin_again_when_they_are_used_up() {
        assert_eq!(Generation::new(1 << 24), Generation::new(0));
    }
}
