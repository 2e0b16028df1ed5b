//! The text of the statement that stores events, `queries/append.sql` with its gaps filled.
//!
//! PostgreSQL takes a list apart quickly once it has begun, but to begin with a dozen lists costs it more than to store a
//! row. So few events are named one by one, in a statement for just as many; more of them are a list for each column.

use std::{array, sync::LazyLock};

/// The most events that are named one by one.
pub(super) const FEW: usize = 8;

/// The types of an event's columns, as they are sent.
const TYPES: [&str; 11] =
    ["uuid", "text", "text", "timestamptz", "timestamptz", "text", "text", "text", "text", "text", "text"];
/// The places among them of what makes an event known.
const EVENT_ID: usize = 0;
const ORGANIZATION_ID: usize = 7;
const IDEMPOTENCY_KEY: usize = 10;

/// The number of the first event's first parameter; the channel and what it is told come before it.
const FIRST: usize = 3;

/// The text for so many events, of which some have keys, or none.
pub(super) fn text(events: usize, with_keys: bool) -> &'static str {
    type Texts = LazyLock<[String; FEW + 1]>;
    static WITH_KEYS: Texts = LazyLock::new(|| array::from_fn(|few| fill(few + 1, true)));
    static WITHOUT: Texts = LazyLock::new(|| array::from_fn(|few| fill(few + 1, false)));
    let texts = if with_keys { &*WITH_KEYS } else { &*WITHOUT };
    &texts[events.clamp(1, FEW + 1) - 1]
}

fn fill(events: usize, with_keys: bool) -> String {
    let [events, ids, keys] = if events <= FEW { one_by_one(events) } else { in_lists() };
    let known = if with_keys { include_str!("../queries/append_keys.sql") } else { "" };
    let text = include_str!("../queries/append.sql").replace("{or when keys are known}", known);
    text.replace("{events}", &events).replace("{ids}", &ids).replace("{keys}", &keys)
}

/// Events, their ids, and their keys with their organizations.
fn one_by_one(events: usize) -> [String; 3] {
    let rows = |row: &dyn Fn(usize) -> String| {
        let rows: Vec<String> = (0..events).map(|event| row(FIRST + event * TYPES.len())).collect();
        rows.join(", ")
    };
    let values = rows(&|first| {
        let values: Vec<String> = TYPES.iter().enumerate().map(|(at, of)| format!("${}::{of}", first + at)).collect();
        format!("({})", values.join(", "))
    });
    let ids = rows(&|first| format!("${}", first + EVENT_ID));
    let keys = rows(&|first| format!("(${}, ${})", first + ORGANIZATION_ID, first + IDEMPOTENCY_KEY));
    [format!("VALUES {values}"), format!("ARRAY[{ids}]"), format!("VALUES {keys}")]
}

/// The same, from a list for each column.
fn in_lists() -> [String; 3] {
    let list = |at: usize| format!("${}", FIRST + at);
    let columns: Vec<String> =
        TYPES.iter().enumerate().map(|(at, of)| format!("unnest({}::{of}[])", list(at))).collect();
    let (columns, ids) = (columns.join(", "), list(EVENT_ID));
    let keys = format!("SELECT unnest({}), unnest({})", list(ORGANIZATION_ID), list(IDEMPOTENCY_KEY));
    [format!("SELECT {columns}, generate_series(1, cardinality({ids})) AS place ORDER BY place"), ids, keys]
}
