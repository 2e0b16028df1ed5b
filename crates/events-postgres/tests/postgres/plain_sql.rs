//! Events that come by plain SQL, and changes that must not.

use events_core::{EventHistory, EventStore, EventType, ports::Appended, testkit::event};
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::support::{Place, events, log};

#[tokio::test]
async fn an_event_inserted_by_plain_sql_is_routed() {
    let place = Place::new().await;
    let insert = r#"INSERT INTO events (event_type, payload) VALUES ('user.signup', '{"email": "a@b.c",  "a": 1}')"#;
    place.connection().await.execute(insert).await.unwrap();
    let unrouted = place.store.unrouted(10).await.unwrap().events;
    let event = &unrouted[0].event;
    assert_eq!(event.event_type.as_str(), "user.signup");
    assert_eq!(event.payload.as_str(), r#"{"email": "a@b.c",  "a": 1}"#);
    assert_eq!((event.event_version.as_str(), event.metadata.source.as_str()), ("1.0.0", ""));
    assert_eq!(event.occurred_at, event.created_at);
    assert!(event.created_at.as_second() > 1_700_000_000, "{}", event.created_at);
    let found = place.store.event(event.event_id, None).await.unwrap().unwrap();
    assert!(!found.processed);
}

#[tokio::test]
async fn a_key_inserted_by_plain_sql_protects() {
    let place = Place::new().await;
    let insert = "INSERT INTO events (event_type, payload, idempotency_key) VALUES ('user.signup', '{}', 'k')";
    let mut connection = place.connection().await;
    connection.execute(insert).await.unwrap();
    let again = event("user.signup").idempotency_key("k").build();
    let appended = place.store.append(vec![again]).await.unwrap();
    assert!(matches!(appended[0], Appended::Existing(_)), "{appended:?}");
    connection.execute(insert).await.unwrap_err();
    let same_id = "INSERT INTO events (event_type, payload, event_id) SELECT event_type, payload, event_id FROM events";
    connection.execute(same_id).await.unwrap_err();
}

#[tokio::test]
async fn an_event_that_could_not_be_read_is_refused() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    for (columns, values) in [
        ("event_type, payload", "'user.signup', 'hello'"),
        ("event_type, payload", "'user.signup', '[]'"),
        ("event_type, payload", "'user.signup', '{a: 1}'"),
        ("event_type, payload", "'user.signup', NULL"),
        ("event_type, payload, metadata", "'user.signup', '{}', 'null'"),
        ("event_type, payload, occurred_at", "'user.signup', '{}', 'infinity'"),
        ("event_type, payload, occurred_at", "'user.signup', '{}', '-infinity'"),
        ("event_type, payload, created_at", "'user.signup', '{}', '20000-01-01'"),
    ] {
        let insert = AssertSqlSafe(format!("INSERT INTO events ({columns}) VALUES ({values})"));
        connection.execute(insert).await.unwrap_err();
    }
    assert_eq!(log(&place.store).await, []);
}

/// The check in the table and the grammar of the program agree.
#[tokio::test]
async fn event_types_are_checked_by_the_same_grammar() {
    let place = Place::new().await;
    let mut connection = place.connection().await;
    let long = format!("a.{}", "b".repeat(98));
    let too_long = format!("a.{}", "b".repeat(99));
    let given = [
        "user.signup",
        "a.b",
        "a1.b2.c_3",
        "a_b.c_d_e",
        "a.b_1",
        &long,
        &too_long,
        "",
        "user",
        "user.",
        ".signup",
        "a..b",
        "User.signup",
        "user.Signup",
        "user.sign up",
        "1a.b",
        "a.1b",
        "a_.b",
        "a._b",
        "a__b.c",
        "a.b_",
        "_a.b",
        "a.b-c",
        "ä.b",
        "a.bä",
        "a.b\n",
    ];
    for name in given {
        let insert = sqlx::query("INSERT INTO events (event_type, payload) VALUES ($1, '{}')").bind(name);
        let inserted = insert.execute(&mut connection).await.is_ok();
        assert_eq!(inserted, EventType::parse(name).is_ok(), "{name:?}");
    }
}

/// R163 and R001: neither in the table nor in a partition of it.
#[tokio::test]
async fn events_and_attempts_never_change() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let mut connection = place.connection().await;
    let attempt =
        "INSERT INTO attempts (delivery_id, seq, handler, target, number, outcome, final, duration_ms, created_at)
                   VALUES (1, 1, 'slack', 'a', 1, 'done', true, 0, now())";
    connection.execute(attempt).await.unwrap();
    for change in [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE events_from_0 SET payload = '{}'",
        "DELETE FROM events_from_0",
        "TRUNCATE events_from_0",
        "UPDATE attempts SET outcome = 'dead'",
    ] {
        let error = connection.execute(change).await.unwrap_err().to_string();
        assert!(error.contains("immutable") || error.contains("cannot be changed"), "{change}: {error}");
    }
    assert_eq!(log(&place.store).await.len(), 1);
}

#[tokio::test]
async fn an_event_inserted_into_a_partition_is_routed() {
    let place = Place::new().await;
    let insert = "INSERT INTO events_from_0 (seq, event_type, payload) VALUES (7, 'user.signup', '{}')";
    place.connection().await.execute(insert).await.unwrap();
    assert_eq!(place.store.unrouted(10).await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn the_progress_of_events_can_be_read_by_plain_sql() {
    let place = Place::new().await;
    place.store.append(events(2)).await.unwrap();
    let query = "SELECT event_id, processed, processed_at, retry_count, last_error FROM event_states";
    let rows = sqlx::query(query).fetch_all(&mut place.connection().await).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert!(!rows[0].get::<bool, _>("processed"));
}
