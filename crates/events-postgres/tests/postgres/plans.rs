//! Statements that run all the time find what they need in indexes, however much there is, also with a
//! plan that was made when there was nothing.

#[path = "../../src/append/statement.rs"]
mod append;
#[path = "../../src/route/statement.rs"]
mod route;

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Executor, Row, postgres::PgConnection};

use self::append::On;
use crate::{few::FEW, support::Place};

/// The plan that PostgreSQL keeps for any arguments, as it works on connections of the store.
async fn plan(connection: &mut PgConnection, text: &str) -> Vec<String> {
    let prepare = format!("PREPARE hot AS {text}");
    connection.execute(AssertSqlSafe(prepare)).await.unwrap();
    let count: i32 =
        sqlx::query_scalar("SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'hot'")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
    let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    let rows = connection.fetch_all(AssertSqlSafe(format!("EXPLAIN EXECUTE hot {arguments}"))).await.unwrap();
    connection.execute("DEALLOCATE hot").await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

async fn working(place: &Place) -> PgConnection {
    let mut connection = place.connection().await;
    connection
        .execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_mergejoin = off; SET jit = off")
        .await
        .unwrap();
    connection
}

macro_rules! plans {
    ($($name:ident)*) => {
        [$((stringify!($name), include_str!(concat!("../../src/queries/", stringify!($name), ".sql")))),*].into_iter()
    };
}

/// Statements whose text depends on how much there is: what stores events, on connections of the store and on others, with
/// keys and without, and what hands deliveries over.
fn of_some() -> Vec<(&'static str, &'static str)> {
    let mut texts: Vec<_> = [1, FEW].map(|deliveries| ("hand_over", route::hand_over(deliveries))).into();
    for events in [1, FEW, FEW + 1] {
        for on in On::ALL {
            texts.extend([false, true].map(|has_keys| ("append", append::text(events, on, has_keys))));
        }
    }
    texts
}

const TABLES: [&str; 8] = [
    "event_keys",
    "event_ids",
    "deliveries",
    "dead_letters",
    "target_states",
    "outbox",
    "events_from_0",
    "webhook_subscriptions",
];

async fn check_hot_statements(place: &Place) {
    let mut connection = working(place).await;
    let hot = plans![
        append_existing claim claim_due claim_paced event happened_after next_due release_expired renew route
        route_and_claim scan schedule settle statistics_events statistics_counted unrouted attempts api_keys_find
    ];
    for (name, text) in hot.chain(of_some()) {
        let plan = plan(&mut connection, text).await;
        let scans = |step: &&String| TABLES.iter().any(|table| step.contains(&format!("Seq Scan on {table}")));
        let scanned: Vec<&String> = plan.iter().filter(scans).collect();
        assert_eq!(scanned, [] as [&String; 0], "{name}: {}", plan.join("\n"));
    }
}

#[tokio::test]
async fn no_statement_of_the_hot_path_scans_a_table() {
    let place = Place::new().await;
    check_hot_statements(&place).await;
}

/// Statements that read an index in its order from the beginning on, up to a limit.
const EXCEPT: [(&str, &str); 2] =
    [("redrive", "dead_letters_pkey on dead_letters "), ("unrouted", "outbox_pkey on outbox ")];

/// What a quiet night leaves: tables that were vacuumed while they were empty have no pages, and any index of them looks
/// as good as any other. A plan that is made then still serves the burst of the morning.
#[tokio::test]
async fn plans_that_were_made_while_tables_were_empty_read_no_index_from_end_to_end() {
    let place = Place::new().await;
    let mut connection = working(&place).await;
    connection.execute("VACUUM ANALYZE").await.unwrap();
    let leading: HashMap<String, String> = sqlx::query_as(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid, 1, true) FROM pg_index
         WHERE indrelid::regclass::text = ANY ($1)",
    )
    .bind(TABLES.map(str::to_owned))
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .collect();
    let hot = plans![
        append_existing claim claim_due claim_paced event next_due redrive release_expired renew replays_step
        resend rest route route_and_claim schedule settle unrouted
    ];
    let mut read = Vec::new();
    for (name, text) in hot.chain(of_some()) {
        let plan = plan(&mut connection, text).await;
        for (step, next) in plan.iter().zip(plan.iter().skip(1)) {
            let index = step.split_once("Index Scan using ").or_else(|| step.split_once("Bitmap Index Scan on "));
            let index = index.and_then(|(_, rest)| rest.split_whitespace().next());
            let Some(first) = index.and_then(|index| leading.get(index)) else { continue };
            if EXCEPT.iter().any(|(known, part)| name == *known && step.contains(part)) {
                continue;
            }
            let begins = next.trim_start().strip_prefix("Index Cond: ").is_some_and(|condition| {
                condition
                    .replace(['(', ')'], "")
                    .split(" AND ")
                    .any(|part| part.starts_with(&first.replace(['(', ')'], "")))
            });
            if !begins {
                read.push(format!("{name}: {} {}", step.trim(), next.trim()));
            }
        }
    }
    assert_eq!(read, [] as [String; 0], "{read:#?}");
}

/// Hundreds of deliveries are a list like any other: compared row by row with another one, it takes as long as thousands.
#[tokio::test]
async fn no_statement_compares_each_of_a_list_with_each_of_another() {
    let place = Place::new().await;
    let mut connection = working(&place).await;
    let hot =
        plans![append_existing claim claim_due claim_paced release_expired renew route route_and_claim schedule settle];
    let mut compared = Vec::new();
    for vacuumed in [false, true] {
        if vacuumed {
            connection.execute("VACUUM ANALYZE").await.unwrap();
        }
        for (name, text) in hot.clone().chain(of_some()) {
            let plan = plan(&mut connection, text).await;
            // Of claims, 256 are looked at in one statement.
            let filters = plan.iter().filter(|step| step.contains("Join Filter") && !step.contains("claim_id"));
            compared.extend(filters.map(|step| format!("{name}, vacuumed: {vacuumed}: {}", step.trim())));
        }
    }
    assert_eq!(compared, [] as [String; 0], "{compared:#?}");
}

/// With 200,000 deliveries that wait for later, for 1,000 targets.
#[tokio::test]
async fn a_claim_uses_the_index_of_due_times_at_size() {
    let place = Place::new().await;
    place
        .connection()
        .await
        .execute(
            "INSERT INTO deliveries (seq, handler, target, due_at)
             SELECT n, 'webhooks', 'target-' || n % 1000, now() + interval '1 day' FROM generate_series(1, 200000) AS n;
             INSERT INTO target_states (handler, target, first_due_at)
             SELECT handler, target, min(due_at) FROM deliveries GROUP BY handler, target;
             ANALYZE deliveries; ANALYZE target_states;",
        )
        .await
        .unwrap();
    check_hot_statements(&place).await;
    let mut connection = working(&place).await;
    let plan = plan(&mut connection, include_str!("../../src/queries/claim.sql")).await;
    let uses = |what: &str| plan.iter().filter(|step| step.contains(what)).count();
    assert!(uses("using idx_deliveries_due on deliveries") >= 3, "{}", plan.join("\n"));
    assert!(uses("using idx_target_states_ready on target_states") >= 1, "{}", plan.join("\n"));
    // Where the target's own range begins and ends, however many wait.
    assert!(uses("AND (due_at <= $2) AND (due_at >= fair") >= 1, "{}", plan.join("\n"));
}

/// With many events stored and few of them waiting, as after a year: what is routed already is not read again.
#[tokio::test]
async fn a_router_reads_what_is_unrouted_and_nothing_else() {
    let place = Place::new().await;
    let mut connection = working(&place).await;
    connection
        .execute(
            "INSERT INTO events (event_type, payload) SELECT 'a.b', '{}' FROM generate_series(1, 5000);
             DELETE FROM outbox WHERE seq < 4000; ANALYZE events; ANALYZE outbox;",
        )
        .await
        .unwrap();
    let explain =
        format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {}", include_str!("../../src/queries/unrouted.sql"));
    for limit in ["10", "500"] {
        let rows = connection.fetch_all(AssertSqlSafe(explain.replace("$1", limit))).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let looked_up = format!("(actual rows=1 loops={limit})");
        assert!(plan.iter().any(|step| step.contains("events_from_0") && step.contains(&looked_up)), "{plan:#?}");
    }
}

/// As the program says it.
const OF_ORGANIZATION: &str = "(SELECT organization_id = 'org_1' FROM events WHERE events.seq = listed.seq)";

/// With 100,000 ended deliveries of ten targets, of which a tenth died: a page costs what it shows.
#[tokio::test]
async fn a_page_of_ended_deliveries_reads_what_it_shows() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    connection
        .execute(
            "INSERT INTO events (event_type, organization_id, payload)
             SELECT 'a.b', 'org_1', '{}' FROM generate_series(1, 1000);
             INSERT INTO attempts
                 (delivery_id, seq, handler, target, number, outcome, final, status, duration_ms, created_at)
             SELECT n, 1 + n % 1000, 'webhooks', 'target-' || n % 10, 1,
                 CASE WHEN n / 10 % 10 = 7 THEN 'dead' ELSE 'done' END, true, 200, 5, now()
             FROM generate_series(1, 100000) AS n;
             ANALYZE events; ANALYZE attempts;",
        )
        .await
        .unwrap();
    let text = include_str!("../../src/queries/deliveries.sql").replace("{reach}", "51");
    let text = text.replace("$1", "51").replace("$2", "0").replace("$3", "true").replace("$4", "true");
    let text = text.replace("$5", "false");
    for (dead, filters) in [
        ("", " AND target = 'target-7'"),
        (" AND outcome = 'dead'", ""),
        (" AND outcome = 'dead'", " AND target = 'target-7'"),
        (" AND outcome = 'dead'", &format!(" AND target = 'target-7' AND {OF_ORGANIZATION}")),
    ] {
        let text = text.replace("{ended}", dead).replace("{filters}", filters);
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {text}");
        let rows = connection.fetch_all(AssertSqlSafe(explain)).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        // Partitions of other weeks are empty, and an empty table is scanned.
        let mut scanned = plan.lines().filter(|step| step.contains("Seq Scan on attempts"));
        assert!(scanned.all(|step| step.contains("actual rows=0")), "{plan}");
        let most = plan.lines().filter_map(|line| line.trim().strip_prefix("Buffers: shared hit="));
        let most = most.filter_map(|rest| rest.split_whitespace().next()?.parse::<u32>().ok()).max();
        assert!(most.is_some_and(|pages| pages < 1_500), "{plan}");
    }
}
