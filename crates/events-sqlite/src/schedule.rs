//! When each target is next worth a claim.

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;

use crate::error::Failure;

/// Targets whose waiting deliveries or state have changed, with their handlers.
#[derive(Default)]
pub(crate) struct Touched<'a>(BTreeSet<(&'a str, &'a str)>);

impl<'a> Touched<'a> {
    /// Notes a target.
    pub(crate) fn add(&mut self, handler: &'a str, target: &'a str) {
        self.0.insert((handler, target));
    }

    /// All of them, `[[handler, target], …]`.
    pub(crate) fn json(&self) -> Result<String, Failure> {
        crate::json(&self.0)
    }

    /// Works out anew when something can next be claimed for each of them, and forgets those for
    /// which nothing waits and of which nothing else is known.
    pub(crate) async fn schedule(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        let touched = self.json()?;
        let schedule = sqlx::query(script!("schedule", "forget"));
        schedule.bind(touched.as_str()).bind(touched.as_str()).execute(connection).await?;
        Ok(())
    }
}
