//! Deliveries of webhooks by the hundred thousand, put into a store by plain SQL.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Connection, Executor,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use xtask::services::Postgres;

/// Deliveries with these ids, each of an event of its own. In a block of `of` deliveries, `failed` are dead after two
/// tries, `failed` wait after one that failed, and the others came through at once. Blocks alternate between two
/// organizations, and those of an organization between two subscriptions: `org_0` has `target_0` and `target_2`.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) failed: usize,
    pub(super) of: usize,
}

impl Part {
    /// How many attempts that makes.
    pub(super) fn attempts(self) -> usize {
        let dead = |number: &usize| number % self.of < self.failed;
        self.to + 1 - self.from + (self.from..=self.to).filter(dead).count()
    }

    /// A statement with this part's numbers in place of their names.
    fn write(self, statement: &str) -> String {
        let Self { from, to, failed, of } = self;
        let numbers = [("{from}", from), ("{to}", to), ("{twice}", 2 * failed), ("{failed}", failed), ("{of}", of)];
        numbers.iter().fold(statement.to_owned(), |text, (name, number)| text.replace(name, &number.to_string()))
    }
}

/// What an attempt at an endpoint leaves behind, about as long as in life.
const DETAIL: &str = r#"{"request_headers":{"content-type":"application/json","user-agent":"events/0.1","webhook-id":"01a1fc27-587b-76cb-95c0-e8734249e38e","webhook-timestamp":"1767225600","webhook-signature":"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},"response":{"headers":{"content-type":"text/plain","content-length":"2","date":"Thu, 01 Jan 2026 00:00:00 GMT"},"body":"ok"},"times":{"dns_us":0,"connect_us":0,"tls_us":0,"first_byte_us":812,"total_us":901}}"#;

const SQLITE: &str = "
CREATE TEMP TABLE numbers AS
WITH RECURSIVE n (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM n WHERE n < {to})
SELECT n, n % {of} < {failed} AS dead, n % {of} >= {failed} AND n % {of} < {twice} AS waits, n / {of} % 2 AS org,
    n / {of} % 4 AS target
FROM n;
INSERT INTO events (event_type, organization_id, payload)
SELECT 'invoice.created', 'org_' || org, '{\"invoice_id\":\"inv_' || n || '\",\"amount\":4900,\"currency\":\"usd\"}' FROM numbers;
DELETE FROM outbox;
INSERT INTO attempts
    (delivery_id, seq, handler, target, number, outcome, final, status, duration_ms, error_class, error, response, detail, created_at)
SELECT n, n, 'webhooks', 'target_' || target, number, iif(dead OR waits, iif(number = 2, 'dead', 'retry'), 'done'),
    iif(number = 2, 1, NOT (dead OR waits)), iif(dead OR waits, 503, 200), 3, iif(dead OR waits, 'status', NULL),
    iif(dead OR waits, 'the endpoint answered with 503', NULL), NULL, '{detail}', 1767225600000000 + n * 1000
FROM numbers JOIN (SELECT 1 AS number UNION ALL SELECT 2) ON number = 1 OR dead;
INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, attempts)
SELECT n, n, 'webhooks', 'target_' || target, 4102444800000000, 1 FROM numbers WHERE waits;
INSERT INTO dead_letters (delivery_id, seq, handler, target, attempts, lease, reason_class, reason, created_at)
SELECT n, n, 'webhooks', 'target_' || target, 2, 2, 'status', 'the endpoint answered with 503', 1767225600000000 + n * 1000
FROM numbers WHERE dead;
DROP TABLE numbers";

/// Fills the file of a store.
pub(super) async fn sqlite(file: &Path, part: Part) -> anyhow::Result<()> {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await?;
    let statements = part.write(SQLITE).replace("{detail}", DETAIL);
    connection
        .execute(AssertSqlSafe(format!(
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN; {statements}; COMMIT"
        )))
        .await?;
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    Ok(connection.close().await?)
}

const POSTGRES: &str = "
BEGIN;
SET LOCAL synchronous_commit = off;
SET LOCAL search_path = {schema};
CREATE TEMP TABLE numbers ON COMMIT DROP AS
SELECT n, n % {of} < {failed} AS dead, n % {of} >= {failed} AND n % {of} < {twice} AS waits, n / {of} % 2 AS org,
    n / {of} % 4 AS target, now() - ({to} - n) * interval '1 millisecond' AS at
FROM generate_series({from}, {to}) AS n;
INSERT INTO events (seq, event_type, organization_id, payload, created_at)
SELECT n, 'invoice.created', 'org_' || org,
    ('{\"invoice_id\":\"inv_' || n || '\",\"amount\":4900,\"currency\":\"usd\"}')::json, at FROM numbers;
TRUNCATE outbox;
INSERT INTO attempts
    (delivery_id, seq, handler, target, number, outcome, final, status, duration_ms, error_class, error, detail, created_at)
SELECT n, n, 'webhooks', 'target_' || target, number,
    CASE WHEN dead OR waits THEN CASE number WHEN 2 THEN 'dead' ELSE 'retry' END ELSE 'done' END,
    number = 2 OR NOT (dead OR waits), CASE WHEN dead OR waits THEN 503 ELSE 200 END, 3,
    CASE WHEN dead OR waits THEN 'status' END, CASE WHEN dead OR waits THEN 'the endpoint answered with 503' END,
    '{detail}', at
FROM numbers JOIN generate_series(1, 2) AS number ON number = 1 OR dead;
INSERT INTO deliveries (delivery_id, seq, handler, target, due_at, attempts)
SELECT n, n, 'webhooks', 'target_' || target, now() + interval '1 year', 1 FROM numbers WHERE waits;
INSERT INTO dead_letters (delivery_id, seq, handler, target, attempts, lease, reason_class, reason, created_at)
SELECT n, n, 'webhooks', 'target_' || target, 2, 2, 'status', 'the endpoint answered with 503', at FROM numbers WHERE dead;
COMMIT";

/// Fills the schema of a store.
pub(super) fn postgres(server: &Postgres, schema: &str, parts: &[Part]) -> anyhow::Result<()> {
    for part in parts {
        server.sql(&part.write(POSTGRES).replace("{detail}", DETAIL).replace("{schema}", schema))?;
    }
    for table in ["events", "attempts", "deliveries", "dead_letters"] {
        server.sql(&format!("VACUUM (ANALYZE) {schema}.{table}"))?;
    }
    Ok(())
}
