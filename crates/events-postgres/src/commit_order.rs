//! Reading the log in its order while transactions commit in another one.
//!
//! An event draws its place when it is inserted and can be seen when its transaction commits. A reader
//! that has seen place 8 and goes on from there would never see place 7, if that was drawn by a
//! transaction which commits later. So a reader stops before a gap, until it is known to stay one.
//!
//! Places are drawn without gaps, so where there is none, nothing can come in between. Where there is
//! one, a transaction holds it, or held it and was undone. Whoever inserts events holds a lock on the
//! table, from before it draws a place until after its commit can be seen, and `pg_locks` shows who that
//! is. So when, after the event behind the gap was seen, everybody who held the lock is gone, and the gap
//! is still there, it stays.
//!
//! The usual way compares the number of each event's transaction with the oldest one that runs. That
//! costs a column, loses its meaning when the database is restored elsewhere, and an idle transaction in
//! any database of the server stops every reader. See docs/decisions/0016-reading-in-commit-order.md.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use events_core::{Seq, StoreError, StoredEvent};
use sqlx::Row;

use crate::{arguments, database::Database, error::Failure, rows};

/// How often a reader looks at a gap before it answers with what lies before it, and how long it waits
/// in between: transactions of publishers are shorter than that.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(4);

/// What is known about gaps, by all readers of this process.
#[derive(Debug, Default)]
pub(crate) struct CommitOrder {
    /// Up to here each place is seen or never will be.
    decided: AtomicI64,
    undecided: Mutex<Option<Undecided>>,
}

/// Places whose fate hangs on transactions that were running.
#[derive(Debug)]
struct Undecided {
    /// The last place that had been seen.
    up_to: i64,
    /// Who was writing after that.
    writers: HashSet<String>,
}

impl CommitOrder {
    /// Events after `after`, oldest first, at most `limit`; none of them will be preceded by another one.
    pub(crate) async fn scan(
        &self,
        database: &Database,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut looks = 1;
        loop {
            let mut events = read(database, after, limit).await?;
            let sure = self.sure(after.0, events.iter().map(|event| event.seq.0));
            let Some(last) = events.last().filter(|_| sure < events.len()) else { return Ok(events) };
            let writers = writers(database).await?;
            let is_decided = self.learn(last.seq.0, writers);
            if !is_decided && looks >= LOOKS {
                events.truncate(sure);
                return Ok(events);
            }
            if !is_decided {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            looks += 1;
        }
    }

    /// How many of these places no other one can come before.
    fn sure(&self, after: i64, places: impl Iterator<Item = i64>) -> usize {
        let decided = self.decided.load(Ordering::Acquire);
        let mut last = after.max(decided);
        let mut sure = 0;
        for place in places {
            if place > decided {
                if place != last + 1 {
                    break;
                }
                last = place;
            }
            sure += 1;
        }
        if after <= decided {
            self.decided.fetch_max(last, Ordering::AcqRel);
        }
        sure
    }

    /// Takes note of who is writing, asked after place `seen` was read. Answers whether it follows that
    /// places are decided that were not; then the log is to be read again.
    fn learn(&self, seen: i64, writers: HashSet<String>) -> bool {
        let Ok(mut undecided) = self.undecided.lock() else { return false };
        let decided = match &*undecided {
            _ if writers.is_empty() => Some(seen),
            Some(before) if before.writers.is_disjoint(&writers) => Some(before.up_to),
            _ => None,
        };
        if let Some(decided) = decided {
            self.decided.fetch_max(decided, Ordering::AcqRel);
            *undecided = None;
        }
        if undecided.is_none() && !writers.is_empty() {
            *undecided = Some(Undecided { up_to: seen, writers });
        }
        decided.is_some()
    }
}

async fn read(database: &Database, after: Seq, limit: usize) -> Result<Vec<StoredEvent>, StoreError> {
    let values = crate::given(|| Ok(arguments![after.0, crate::count(limit)]))?;
    let rows = database.look(include_str!("queries/scan.sql"), values).await?;
    rows.iter().map(rows::event).collect::<Result<_, _>>().map_err(|failure| failure.undone())
}

async fn writers(database: &Database) -> Result<HashSet<String>, StoreError> {
    let values = crate::given(|| Ok(arguments![database.schema.table("events")]))?;
    let rows = database.look(include_str!("queries/scan_writers.sql"), values).await?;
    let names = rows.iter().map(|row| row.try_get("virtualtransaction")).collect::<Result<_, sqlx::Error>>();
    names.map_err(|error| Failure::from(error).undone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writers(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn nothing_after_a_gap_is_sure_until_the_writers_are_gone() {
        let order = CommitOrder::default();
        assert_eq!(order.sure(0, [1, 2, 4, 5].into_iter()), 2);
        assert!(!order.learn(5, writers(&["3/1"])));
        assert!(!order.learn(6, writers(&["3/1", "4/1"])), "who held the gap is still there");
        assert_eq!(order.sure(0, [1, 2, 4, 5, 6].into_iter()), 2);
        assert!(order.learn(7, writers(&["4/1", "5/1"])), "who came later cannot hold it");
        assert_eq!(order.sure(0, [1, 2, 4, 5, 6, 7].into_iter()), 6);
        assert_eq!(order.sure(0, [1, 2, 4, 5, 6, 7, 9].into_iter()), 6, "the next gap is another matter");
    }

    #[test]
    fn a_gap_stays_when_nobody_writes() {
        let order = CommitOrder::default();
        assert_eq!(order.sure(0, [3].into_iter()), 0);
        assert!(order.learn(3, writers(&[])));
        assert_eq!(order.sure(0, [3, 4].into_iter()), 2);
    }

    #[test]
    fn a_reader_further_on_says_nothing_about_what_lies_before() {
        let order = CommitOrder::default();
        assert_eq!(order.sure(10, [11, 12].into_iter()), 2);
        assert_eq!(order.sure(0, [12].into_iter()), 0);
    }
}
