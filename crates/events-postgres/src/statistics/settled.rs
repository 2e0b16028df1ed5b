//! Up to which number every attempt and every event can be seen, or never will be.
//!
//! Numbers are drawn when rows are inserted and rows are seen when transactions commit, in another order. Whoever counts
//! up to a number must not be surprised by a smaller one later. Whoever inserts holds a lock on the table from before a
//! number is drawn until after the commit can be seen, and `pg_locks` shows who that is
//! (docs/decisions/0016-reading-in-commit-order.md). So the last number that was drawn is read first, and then who
//! writes; when all of these are gone, everything up to that number is settled. Unlike a follower of the log, who wants
//! the newest event at once, this one may be some seconds late: it needs no look at gaps.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use events_core::{StoreError, ports::Position};
use sqlx::Row;

use crate::{arguments, database::Database, error::Failure};

/// How often it is looked at who still writes, and how long it is waited in between: most transactions are shorter
/// than that. A longer one is waited for by counting a part less, until the next step.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(4);

/// What is settled, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    attempts: Mutex<Known>,
    events: Mutex<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    /// Up to here everything is settled.
    up_to: i64,
    /// Up to here it is once none of these writes any more.
    pending: Option<(i64, HashSet<String>)>,
}

impl Known {
    /// Takes note of who writes now, asked after `last` was drawn.
    fn learn(&mut self, last: i64, writers: HashSet<String>) {
        if let Some((up_to, before)) = &self.pending
            && before.is_disjoint(&writers)
        {
            self.up_to = self.up_to.max(*up_to);
            self.pending = None;
        }
        if writers.is_empty() {
            self.up_to = self.up_to.max(last);
            self.pending = None;
        } else if self.pending.is_none() && self.up_to < last {
            self.pending = Some((last, writers));
        }
    }
}

impl Settled {
    /// Up to where both tables are settled, at most up to `last`, which was drawn before. What is counted already is
    /// not looked at.
    pub(crate) async fn up_to(
        &self,
        database: &Database,
        counted: Position,
        last: Position,
    ) -> Result<Position, StoreError> {
        Ok(Position {
            attempts: of(&self.attempts, database, "attempts", counted.attempts, last.attempts).await?,
            events: of(&self.events, database, "events", counted.events, last.events).await?,
        })
    }
}

async fn of(
    known: &Mutex<Known>,
    database: &Database,
    table: &str,
    counted: i64,
    last: i64,
) -> Result<i64, StoreError> {
    let is_settled = |known: &Known| known.up_to > counted || known.up_to >= last;
    let known = || known.lock().unwrap_or_else(PoisonError::into_inner);
    for look in 1..=LOOKS {
        if is_settled(&known()) {
            break;
        }
        let writers = writers(database, table).await?;
        known().learn(last, writers);
        if look < LOOKS && !is_settled(&known()) {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
    let up_to = known().up_to;
    Ok(up_to.min(last))
}

/// Who may have drawn a number of this table and not committed yet.
async fn writers(database: &Database, table: &str) -> Result<HashSet<String>, StoreError> {
    let values = crate::given(|| Ok(arguments![database.schema.table(table)]))?;
    let rows = database.look(include_str!("../queries/scan_writers.sql"), values).await?;
    let read = rows.iter().map(|row| row.try_get("virtualtransaction"));
    read.collect::<Result<_, _>>().map_err(|error| Failure::from(error).undone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writers(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn without_writers_all_that_was_drawn_is_settled() {
        let mut known = Known::default();
        known.learn(7, writers(&[]));
        assert_eq!(known.up_to, 7);
    }

    #[test]
    fn a_writer_is_waited_for_and_later_ones_are_not() {
        let mut known = Known::default();
        known.learn(7, writers(&["3/1", "3/2"]));
        known.learn(9, writers(&["3/2", "3/3"]));
        assert_eq!(known.up_to, 0, "3/2 may have drawn a number up to 7");
        known.learn(12, writers(&["3/3"]));
        assert_eq!(known.up_to, 7, "3/3 came later, and drew none up to 7");
        known.learn(13, writers(&["3/4"]));
        assert_eq!(known.up_to, 12);
    }

    #[test]
    fn nobody_else_brings_down_what_is_settled() {
        let mut known = Known::default();
        known.learn(7, writers(&[]));
        known.learn(5, writers(&[]));
        assert_eq!(known.up_to, 7);
    }
}
