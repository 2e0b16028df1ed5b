//! `doctor` finds what is wrong, says what to do, and fails when something is.

use events_tests::{Home, Postgres, Rabbit};

#[tokio::test]
async fn a_sqlite_file_is_well_before_its_first_start_and_while_a_server_works_on_it() {
    let home = Home::new("");
    let said = home.run(&["doctor"]).ok();
    assert!(said.contains("ok       SQLite: version 3."), "{said}");
    assert!(said.contains("does not exist yet"), "{said}");
    assert!(!home.data_dir().exists(), "looking makes nothing");
    let server = home.start().await;
    let said = home.run(&["doctor"]).ok();
    assert!(said.contains("a server works on it"), "{said}");
    server.stop().await;
    let said = home.run(&["doctor"]).ok();
    assert!(said.contains("is at schema version"), "{said}");
}

#[test]
fn a_database_and_a_broker_that_are_away_are_problems_and_show_no_password() {
    let home = Home::new("");
    let away = [
        ("DATABASE_URL", "postgres://app:tops3cret@127.0.0.1:1/shop"),
        ("AMQP_URL", "amqp://app:tops3cret@127.0.0.1:1"),
    ];
    let said = home.run_with(&["doctor"], &away).failed();
    assert!(said.contains("there are 2 problems"), "{said}");
    assert!(said.contains("problem  database") && said.contains("problem  RabbitMQ"), "{said}");
    assert!(said.contains("what to do: "), "{said}");
    assert!(!said.contains("tops3cret"), "{said}");
}

/// The servers of tests do not wait for the disk, which is just what must be found.
#[tokio::test]
async fn what_a_server_does_not_promise_is_a_problem() {
    let (Some(database), Some(broker)) = (Postgres::shared_url(), Rabbit::for_test()) else { return };
    let (database, broker_url) = (format!("{database}?schema=doctor"), broker.url());
    let home = Home::new("[slack]\nwebhook_url = \"http://127.0.0.1:1/x\"");
    let places = [("DATABASE_URL", database.as_str()), ("AMQP_URL", broker_url.as_str())];
    let doctor = || home.run_with(&["doctor"], &places).failed();
    let said = doctor();
    assert!(said.contains("problem  fsync: off"), "{said}");
    assert!(said.contains("what to do: set fsync = on"), "{said}");
    assert!(said.contains("ok       RabbitMQ: it answers"), "{said}");
    assert!(said.contains("events.slack: ") && !said.contains("events.webhooks: "), "{said}");
    let key = ("EVENTS__WEBHOOKS__ENCRYPTION_KEYS", "1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let said = home.run_with(&["doctor"], &[&places[..], &[key]].concat()).failed();
    assert!(said.contains("events.webhooks: "), "{said}");

    broker.control(&["set_vm_memory_high_watermark", "0"]).unwrap();
    let said = doctor();
    assert!(said.contains("it has an alarm"), "{said}");
}
