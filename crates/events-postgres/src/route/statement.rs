//! The text of the statement that hands few deliveries over: `queries/hand_over.sql` with its gaps filled.

use std::{array, sync::LazyLock};

use crate::few::{FEW, column, rows};

/// The types of a delivery's columns, as they are sent. Its place among them comes last.
const TYPES: [&str; 9] = ["bigint", "text", "text", "timestamptz", "text", "text", "timestamptz", "text", "bigint"];
/// The place of the event among them.
const SEQ: usize = 0;

/// The number of the first delivery's first parameter; the time comes before it.
const FIRST: usize = 2;

/// The text for so many deliveries, from one to [`FEW`].
pub(crate) fn hand_over(deliveries: usize) -> &'static str {
    static TEXTS: LazyLock<[String; FEW]> = LazyLock::new(|| array::from_fn(|before| fill(before + 1)));
    &TEXTS[deliveries.clamp(1, FEW) - 1]
}

fn fill(deliveries: usize) -> String {
    include_str!("../queries/hand_over.sql")
        .replace("{deliveries}", &rows(deliveries, FIRST, &TYPES))
        .replace("{events}", &column(deliveries, FIRST, &TYPES, SEQ))
}
