//! A server that cannot start says why, where, and what to do.

use std::net::TcpListener;

use events_tests::{Home, Ran};
use serde_json::json;

fn refused(ran: Ran, parts: &[&str]) {
    let stderr = ran.refused();
    let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{stderr}"));
    for part in parts {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
    println!("{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_works_on() {
    let home = Home::new("");
    let server = home.start().await;
    let pid = server.pid().to_string();
    for _ in 0..3 {
        refused(home.serve_with(&[]), &["events.db", &format!("process {pid}"), "stop that one"]);
    }
    refused(home.run(&["migrate"]), &["events.db", &pid]);
    server.api().publish(&json!({ "event_type": "a.b", "payload": {} })).await;
    assert_eq!(server.api().events().await.len(), 1);
    server.kill();
    let server = home.start().await;
    assert_eq!(server.api().events().await.len(), 1, "a killed server leaves no lock behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_is_taken_is_named_and_the_data_stay_free() {
    let home = Home::new("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(home.serve_with(&[("EVENTS__SERVER__LISTEN", &address)]), &["server.listen", &address, "in use"]);
    home.start().await.stop().await;
}

#[test]
fn rubbish_in_the_database_file_is_not_touched() {
    let home = Home::new("");
    std::fs::create_dir(home.data_dir()).unwrap();
    let file = home.data_dir().join("events.db");
    let rubbish = "this is no database\n".repeat(1000);
    std::fs::write(&file, &rubbish).unwrap();
    refused(home.serve_with(&[]), &["events.db", "not a database"]);
    refused(home.run(&["migrate"]), &["events.db", "not a database"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rubbish);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    let home = Home::new("");
    let below_a_file = [("EVENTS__SERVER__DATA_DIR", "events.toml/data")];
    refused(home.serve_with(&below_a_file), &["server.data_dir", "events.toml/data", "Not a directory"]);

    // The kernel makes no directories in /proc for anybody, root included.
    let forbidden = [("EVENTS__SERVER__DATA_DIR", "/proc/events-data")];
    refused(home.serve_with(&forbidden), &["server.data_dir", "/proc/events-data"]);

    // And a directory that is there, in which no file can be made.
    let read_only = [("EVENTS__SERVER__DATA_DIR", "/proc")];
    refused(home.serve_with(&read_only), &["/proc/events.db"]);
}

#[test]
fn a_database_that_is_elsewhere_is_named() {
    let home = Home::new("[database]\nurl = \"sqlite:no-such-directory/events.db\"\n");
    refused(home.serve_with(&[]), &["no-such-directory/events.db"]);
    refused(home.serve_with(&[("DATABASE_URL", "mysql://somewhere")]), &["database.url", "sqlite:"]);
}
