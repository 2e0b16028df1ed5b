//! A full store: 1,000,000 events, and 200,000 deliveries that wait for later.

use anyhow::ensure;
use xtask::services::Postgres;

use super::{Place, ROUNDS, Word, work::publish_and_process};
use crate::report::{Figure, Report, Target};

/// The events of an application of some size, taken off the outbox; what waits is spread over 1,000 targets of the
/// handler that is measured.
const FILL: &str = "
INSERT INTO events (event_type, actor, actor_type, organization_id, payload, metadata)
SELECT 'import.completed', 'user_' || n % 9973, 'user', 'org_' || n % 499,
    '{\"email\":\"alice@example.com\",\"importer_name\":\"Customers\",\"row_count\":1250}',
    '{\"source\":\"bench\",\"environment\":\"production\"}'
FROM generate_series(1, 1000000) AS n;
TRUNCATE outbox;
INSERT INTO deliveries (seq, handler, target, due_at)
SELECT n, 'noop', 'target_' || n % 1000, now() + interval '1 day' FROM generate_series(1, 200000) AS n;
INSERT INTO target_states (handler, target, first_due_at)
SELECT handler, target, min(due_at) FROM deliveries GROUP BY handler, target;
VACUUM (ANALYZE) events_from_0; VACUUM (ANALYZE) deliveries; VACUUM (ANALYZE) target_states; VACUUM (ANALYZE) event_ids;
CHECKPOINT";

const CLAIM: &str = include_str!("../../../../crates/events-postgres/src/queries/claim.sql");

pub(crate) async fn run(report: &mut Report, server: &Postgres) -> anyhow::Result<()> {
    let mut full = Place::new(server).await?;
    for statement in FILL.split(';') {
        full.raw.execute(statement).await?;
    }
    check_plan(&mut full).await?;
    let (mut with_million, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let fresh = Place::new(server).await?;
        empty.push(publish_and_process(&fresh, &Word::Notify).await?);
        fresh.close().await?;
        with_million.push(publish_and_process(&full, &Word::Notify).await?);
    }
    check_plan(&mut full).await?;
    let (with_million, empty) = (Figure::of(with_million), Figure::of(empty));
    report.ratio("postgres, 1,000,000 stored / empty", "/s", with_million, empty, Target::AtLeast(0.8));
    full.close().await
}

/// Prints the indexes that a claim uses; fails when it reads a table from end to end.
async fn check_plan(place: &mut Place) -> anyhow::Result<()> {
    place.raw.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_mergejoin = off; SET jit = off").await?;
    place.raw.execute(&format!("PREPARE claim AS {CLAIM}")).await?;
    let explain =
        "EXPLAIN EXECUTE claim ('noop', now(), 512, now() + interval '40 s', 'bench', '{}', '{}', 9223372036854775807)";
    let plan = place.raw.lines(explain).await?;
    place.raw.execute("DEALLOCATE claim").await?;
    let words = |what: &str| plan.iter().filter(|step| step.contains(what)).map(|step| step.trim()).collect::<Vec<_>>();
    let mut indexes: Vec<&str> = words(" using ").iter().filter_map(|step| step.split(" using ").nth(1)).collect();
    indexes.iter_mut().for_each(|step| *step = step.split("  ").next().unwrap_or(step));
    indexes.sort_unstable();
    indexes.dedup();
    println!("postgres claim at size uses: {}", indexes.join(", "));
    let scans: Vec<_> = words("Seq Scan on ");
    ensure!(scans.is_empty(), "a claim reads a whole table: {scans:?}\n{}", plan.join("\n"));
    Ok(())
}
