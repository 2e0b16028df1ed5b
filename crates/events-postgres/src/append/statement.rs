//! The text of the statement that stores events: `queries/append.sql` with its gaps filled, alone or within
//! `queries/append_whole.sql`.

use std::{array, sync::LazyLock};

use crate::few::{FEW, column, joined, rows};

/// The types of an event's columns, as they are sent.
const TYPES: [&str; 11] =
    ["uuid", "text", "text", "timestamptz", "timestamptz", "text", "text", "text", "text", "text", "text"];
/// The places among them of what makes an event known.
const EVENT_ID: usize = 0;
const ORGANIZATION_ID: usize = 7;
const IDEMPOTENCY_KEY: usize = 10;

/// The number of the first event's first parameter; the channel and what it is told come before it.
const FIRST: usize = 3;

/// On which connections a statement runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// The store's own, where the statement itself does what otherwise a trigger does, and every id is new. One that is
    /// known is an error.
    OwnWithNewIds,
    /// The store's own, with a look for the ids first.
    Own,
    /// The application's, with a look for the ids first: an error would end the application's transaction.
    Theirs,
}

impl On {
    pub(crate) const ALL: [Self; 3] = [Self::OwnWithNewIds, Self::Own, Self::Theirs];
}

/// The text for so many events, of which some have keys or none has.
pub(crate) fn text(events: usize, on: On, has_keys: bool) -> &'static str {
    /// Without keys and with them, for each number of events.
    type Texts = [[String; FEW + 1]; 2];
    static TEXTS: LazyLock<[Texts; On::ALL.len()]> = LazyLock::new(|| {
        On::ALL.map(|on| [false, true].map(|has_keys| array::from_fn(|few| fill(few + 1, on, has_keys))))
    });
    &TEXTS[on as usize][usize::from(has_keys)][events.clamp(1, FEW + 1) - 1]
}

fn fill(events: usize, on: On, has_keys: bool) -> String {
    let looks_for_ids = on != On::OwnWithNewIds;
    let when = |is_so, text| if is_so { text } else { "" };
    let [events, ids, keys] = if events <= FEW { one_by_one(events) } else { in_lists() };
    let text = include_str!("../queries/append.sql")
        .replace("{when ids are known}", when(looks_for_ids, include_str!("../queries/append_ids.sql")))
        .replace("{when keys are known}", when(has_keys, include_str!("../queries/append_keys.sql")))
        .replace("{events}", &events)
        .replace("{ids}", &ids)
        .replace("{keys}", &keys);
    match on {
        On::Theirs => text,
        On::OwnWithNewIds | On::Own => include_str!("../queries/append_whole.sql")
            .replace("{append}", &text)
            .replace("{and keys}", when(has_keys, include_str!("../queries/append_whole_keys.sql"))),
    }
}

/// Events, their ids, and their keys with their organizations.
fn one_by_one(events: usize) -> [String; 3] {
    let of = |at| column(events, FIRST, &TYPES, at);
    let keys = joined((0..events).map(|event| {
        let first = FIRST + event * TYPES.len();
        format!("(${}, ${})", first + ORGANIZATION_ID, first + IDEMPOTENCY_KEY)
    }));
    [format!("VALUES {}", rows(events, FIRST, &TYPES)), format!("ARRAY[{}]", of(EVENT_ID)), format!("VALUES {keys}")]
}

/// The same, from a list for each column.
fn in_lists() -> [String; 3] {
    let list = |at: usize| format!("${}", FIRST + at);
    let columns = joined(TYPES.iter().enumerate().map(|(at, of)| format!("unnest({}::{of}[])", list(at))));
    let ids = list(EVENT_ID);
    let keys = format!("SELECT unnest({}), unnest({})", list(ORGANIZATION_ID), list(IDEMPOTENCY_KEY));
    [format!("SELECT {columns}, generate_series(1, cardinality({ids})) AS place ORDER BY place"), ids, keys]
}
