//! What an operator wants to know about the server, for `doctor`.

use std::time::Duration;

use events_core::StoreError;
use jiff::SignedDuration;

use crate::{arguments, error::Failure, rows::Cells, store::PgStore};

/// What the server says about itself. By default it has said nothing, and nothing is known to be well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Version, as `15.14`.
    pub server_version: String,
    /// `synchronous_commit` of the role and the server, when the store was opened. When it is `off`, the store sets
    /// `on` for its own connections, and events of plain SQL and of `append_in` may be lost with the server's power.
    pub synchronous_commit: String,
    /// Whether commits are written to the disk. Without it nothing is durable.
    pub fsync: bool,
    /// Whether pages that were half written when the power failed can be mended.
    pub full_page_writes: bool,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
    /// How long the oldest transaction of this database has been open, as far as the role can see. While one is
    /// open, rows that are gone take up space and time, and readers of the log may have to wait for it.
    pub oldest_transaction: Duration,
    /// What that transaction's connection calls itself.
    pub oldest_transaction_of: Option<String>,
    /// Whether the role sees the transactions of other roles, which takes `pg_read_all_stats`.
    pub sees_all_roles: bool,
    /// Connections of all, and how many the server allows.
    pub connections: (u64, u64),
    /// How far this host's clock is ahead of the database's.
    pub clock_skew: SignedDuration,
}

impl PgStore {
    /// Asks the server how it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer.
    pub async fn health(&self) -> Result<Health, StoreError> {
        let read = async {
            let rows = self.database.change(include_str!("queries/health.sql"), arguments![]).await?;
            let row = rows.first().ok_or_else(|| Failure::Corrupt("the server says nothing".to_owned()))?;
            let cells = Cells::of(row, "pg_settings", "server_version");
            let open: i64 = cells.get("oldest_transaction_ms")?;
            Ok(Health {
                server_version: cells.get("server_version")?,
                synchronous_commit: self.synchronous_commit.clone(),
                fsync: cells.get("fsync")?,
                full_page_writes: cells.get("full_page_writes")?,
                is_standby: cells.get("is_standby")?,
                oldest_transaction: Duration::from_millis(u64::try_from(open).unwrap_or_default()),
                oldest_transaction_of: cells.get("oldest_transaction_of")?,
                sees_all_roles: cells.get("sees_all_roles")?,
                connections: (cells.number("connections")?, cells.number("max_connections")?),
                clock_skew: self.clock.skew(),
            })
        };
        read.await.map_err(|failure: Failure| failure.undone())
    }
}
