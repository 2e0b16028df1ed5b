//! Batches: the items of a JSON array, unparsed and bounded in number.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// The items of an array, or `None` for more than `MOST`. A small body can hold millions of items,
/// so nothing is kept of those that are too many.
pub(super) struct Batch<'a, const MOST: usize>(pub(super) Option<Vec<&'a RawValue>>);

impl<'de: 'a, 'a, const MOST: usize> Deserialize<'de> for Batch<'a, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<const MOST: usize>;
        impl<'de, const MOST: usize> de::Visitor<'de> for Items<MOST> {
            type Value = Batch<'de, MOST>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = array.next_element()? {
                    if items.len() == MOST {
                        while array.next_element::<de::IgnoredAny>()?.is_some() {}
                        return Ok(Batch(None));
                    }
                    items.push(item);
                }
                Ok(Batch(Some(items)))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_kept_as_they_are_and_too_many_are_not() {
        let items =
            |json| serde_json::from_str::<Batch<'_, 2>>(json).map(|Batch(items)| items.map(|items| items.len()));
        assert_eq!(items("[]").unwrap(), Some(0));
        assert_eq!(items(" [1, {\"a\" : [2]}] ").unwrap(), Some(2));
        assert_eq!(items("[1,2,3]").unwrap(), None);
        assert!(items("[1,2,3,").is_err() && items("[1,2,3,4}").is_err() && items("{}").is_err());
    }
}
