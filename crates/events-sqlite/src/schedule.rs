//! When each target is next worth a claim.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;

use crate::error::Failure;

/// Targets whose waiting deliveries or state have changed.
#[derive(Default)]
pub(crate) struct Touched<'a>(BTreeSet<(&'a str, &'a str)>);

impl<'a> Touched<'a> {
    /// Notes a target.
    pub(crate) fn add(&mut self, handler: &'a str, target: &'a str) {
        self.0.insert((handler, target));
    }

    /// `[[handler, target], …]`
    pub(crate) fn json(&self) -> Result<String, Failure> {
        crate::json(&self.0)
    }

    /// Works out anew when something can next be claimed for each of them.
    pub(crate) async fn schedule(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        sqlx::query(include_str!("queries/schedule.sql")).bind(self.json()?).execute(connection).await?;
        Ok(())
    }
}
