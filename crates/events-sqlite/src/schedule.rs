//! When each target is next worth a claim.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::sqlite::SqliteConnection;

use crate::error::Failure;

/// Targets whose waiting deliveries or state have changed, by handler.
#[derive(Default)]
pub(crate) struct Touched<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Touched<'a> {
    /// Notes a target.
    pub(crate) fn add(&mut self, handler: &'a str, target: &'a str) {
        self.0.entry(handler).or_default().insert(target);
    }

    /// The targets of each handler, as JSON.
    pub(crate) fn by_handler(&self) -> impl Iterator<Item = Result<(&'a str, String), Failure>> {
        self.0.iter().map(|(handler, targets)| Ok((*handler, crate::json(targets)?)))
    }

    /// Works out anew when something can next be claimed for each of them.
    pub(crate) async fn schedule(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        for touched in self.by_handler() {
            let (handler, targets) = touched?;
            let schedule = sqlx::query(include_str!("queries/schedule.sql"));
            schedule.bind(handler).bind(targets).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Forgets those for which nothing waits and of which nothing else is known.
    pub(crate) async fn forget(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        for touched in self.by_handler() {
            let (handler, targets) = touched?;
            let forget = sqlx::query(include_str!("queries/forget.sql"));
            forget.bind(handler).bind(targets).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
