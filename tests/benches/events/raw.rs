//! The raw limit: bare inserts of the same rows on the same file system, without any of our code.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sqlx::{
    AssertSqlSafe, Connection, Executor,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

/// Columns of an event; the raw table has them all, and no index but its key.
const COLUMNS: usize = 12;
const PAYLOAD: &str = r#"{"email":"alice@example.com","importer_name":"Customers","row_count":1250}"#;
const METADATA: &str = r#"{"source":"bench","environment":"production"}"#;

/// A bare table in WAL mode with `synchronous=FULL`.
pub(crate) struct Raw(SqliteConnection);

impl Raw {
    pub(crate) async fn open(folder: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("raw.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS raw (seq INTEGER PRIMARY KEY, event_id BLOB, event_type TEXT, \
                 event_version TEXT, occurred_at INTEGER, created_at INTEGER, actor TEXT, actor_type TEXT, \
                 organization_id TEXT, payload TEXT, metadata TEXT, idempotency_key TEXT, spare TEXT)",
            )
            .await?;
        Ok(Self(connection))
    }

    /// Commits of `rows` rows each; answers the seconds of each commit.
    pub(crate) async fn commits(&mut self, rows: usize, commits: usize) -> anyhow::Result<Vec<f64>> {
        let tuple = format!("({})", ["?"; COLUMNS].join(","));
        let columns = "event_id,event_type,event_version,occurred_at,created_at,actor,actor_type,organization_id,payload,metadata,idempotency_key,spare";
        let sql = format!("INSERT INTO raw ({columns}) VALUES {}", vec![tuple.as_str(); rows].join(","));
        let mut seconds = Vec::with_capacity(commits);
        for _ in 0..commits {
            let started = Instant::now();
            let mut query = sqlx::query(AssertSqlSafe(sql.as_str()));
            for row in 0..rows {
                query = query
                    .bind(Uuid::now_v7().as_bytes().to_vec())
                    .bind("import.completed")
                    .bind("1.0.0")
                    .bind(1_767_225_600_000_000_i64)
                    .bind(1_767_225_600_000_000_i64)
                    .bind(format!("user_{}", row % 97))
                    .bind("user")
                    .bind(format!("org_{}", row % 13))
                    .bind(PAYLOAD)
                    .bind(METADATA)
                    .bind(None::<&str>)
                    .bind(None::<&str>);
            }
            query.execute(&mut self.0).await?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// A commit of one row ten times a second for ten seconds; how long each took, in milliseconds.
    pub(crate) async fn at_ten_a_second(&mut self) -> anyhow::Result<Vec<f64>> {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let mut millis = Vec::new();
        for _ in 0..100 {
            tick.tick().await;
            millis.extend(self.commits(1, 1).await?.iter().map(|seconds| seconds * 1e3));
        }
        Ok(millis)
    }

    /// Rows a second at 500 rows a commit.
    pub(crate) async fn rate(&mut self) -> anyhow::Result<f64> {
        const ROWS: usize = 500;
        const COMMITS: usize = 40;
        let seconds: f64 = self.commits(ROWS, COMMITS).await?.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        Ok((ROWS * COMMITS) as f64 / seconds)
    }
}

/// The value below which a share of the samples lies.
pub(crate) fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let at = ((samples.len() as f64 - 1.0) * share).round() as usize;
    samples.get(at).copied().unwrap_or(f64::NAN)
}
