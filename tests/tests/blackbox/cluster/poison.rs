//! Events by plain SQL that nobody can have meant: each is refused by the database, or does no harm to others.

use events_tests::{PATIENCE, Store, eventually, numbered};
use sqlx::{AssertSqlSafe, Executor};

use super::{CHANNELS, cluster_with, session, through};

with_and_without_broker!(an_event_by_plain_sql_that_is_poison_harms_no_other);

/// Columns and values of events that are poison in some way.
const POISON: [(&str, &str); 22] = [
    ("event_type, payload", "'signup', '{}'"),
    ("event_type, payload", "'test.c0', '7'"),
    ("event_type, payload", "'test.c0', 'null'"),
    ("event_type, payload", "'test.c0', '{}'"),
    ("event_type, payload", r#"'test.c0', '{"n": {"n": {}}}'"#),
    ("event_type, payload", r#"'test.c0', '{"n": 1e400}'"#),
    ("event_type, payload", r#"'test.c0', '{"n": 99999999999999999999999999999}'"#),
    ("event_type, payload", r#"'test.c0', '{"n": -1, "n": -2}'"#),
    ("event_type, payload", r#"'test.c0', '{"n": "\u0000"}'"#),
    ("event_type, payload", r#"'test.c0', '{"n": "\ud800"}'"#),
    ("event_type, payload", r#"'test.c0', ('{"x":' || repeat('[', 1000) || repeat(']', 1000) || '}')::json"#),
    ("event_type, payload", r#"'test.c0', ('{"x":"' || repeat('y', 2000000) || '"}')::json"#),
    ("event_type, payload, metadata", r#"'test.c0', '{}', '[]'"#),
    ("event_type, payload, metadata", r#"'test.c0', '{}', '{"source": 7, "causation_depth": "deep"}'"#),
    ("event_type, payload, metadata", r#"'test.c0', '{}', '{"causation_id": "no id", "nobody": {"knows": 1}}'"#),
    ("event_type, payload, event_version", r"'test.c0', '{}', ''"),
    ("event_type, payload, event_version", r"'test.c0', '{}', E'\n;--'"),
    ("event_type, payload, actor, actor_type", r"'test.c0', '{}', '', repeat('x', 100000)"),
    ("event_type, payload, organization_id", r"'test.c0', '{}', ''"),
    ("event_type, payload, idempotency_key", r"'test.c0', '{}', repeat('k', 2000)"),
    ("event_type, payload, occurred_at", r"'test.c0', '{}', 'infinity'"),
    ("event_type, payload, created_at", r"'test.c0', '{}', '4713-01-01 BC'"),
];

async fn an_event_by_plain_sql_that_is_poison_harms_no_other(broker: Option<String>) {
    let Some(store) = Store::postgres() else { return };
    let (cluster, receiver) = cluster_with(&store, broker.as_deref()).await;
    let api = cluster.api();
    let mut session = session(&store).await;
    let mut taken = 0;
    for (number, (columns, values)) in (0..).zip(POISON) {
        let insert = format!("INSERT INTO events ({columns}) VALUES ({values})");
        let result = session.execute(AssertSqlSafe(insert)).await;
        taken += usize::from(result.is_ok());
        let channel = 1 + usize::try_from(number).unwrap() % (CHANNELS - 1);
        api.publish(&numbered(channel, number)).await;
        eventually(&format!("the event after ({values}), {result:?}"), PATIENCE, async || {
            receiver.ledger().accepted().contains_key(&number).then_some(())
        })
        .await;
    }
    api.all_processed(PATIENCE).await;
    let good = POISON.len();
    assert_eq!(receiver.ledger().not_once(0..good as u64), []);
    // As text: numbers and depths that PostgreSQL takes for JSON are more than some readers do.
    let log = api.get("/api/v1/events?after=0&limit=1000").await;
    let listed = log.as_str().map_or_else(|| log.to_string(), str::to_owned).matches(r#""event_id":"#).count();
    assert_eq!(listed, good + taken, "all that was taken can be read");
    let (dead, dropped) = (api.deliveries("dead").await.len(), api.deliveries("dropped").await.len());
    let made = api.deliveries("succeeded").await.len();
    assert_eq!(made + dead + dropped, listed, "each has its final state");
    assert_eq!(cluster.logged("panicked"), 0);
    println!(
        "{}: {good} events of poison: {} refused by the database, {taken} taken, of which {} were told, {dead} died and {dropped} were dropped; \
         {good} events in between were told once",
        through(broker.as_deref()),
        good - taken,
        made - good,
    );
}
