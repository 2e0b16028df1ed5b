//! The command line, as people and scripts use it, against a running server.

use std::{
    io::{Read, Write},
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Says},
    server::{Server, rows, text},
};

/// The program with this server's address and key, and nothing else of the environment.
pub(crate) fn program(server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_events-server"));
    command.env_clear().env("EVENTS_URL", server.url()).env("EVENTS_API_KEY", server.admin_key());
    command.current_dir(server.data()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end while the server goes on.
pub(crate) async fn run(server: &Server, words: &[&str], input: &str) -> Output {
    let (mut command, input) = (program(server), input.to_owned());
    command.args(words);
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// What a command that succeeds prints.
pub(crate) async fn printed(server: &Server, words: &[&str], input: &str) -> String {
    let Output { status, stdout, stderr } = run(server, words, input).await;
    assert!(status.success(), "{words:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

pub(crate) async fn json(server: &Server, words: &[&str]) -> Value {
    let words: Vec<_> = words.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&printed(server, &words, "").await).unwrap()
}

#[tokio::test]
async fn every_command_speaks_json() {
    let slack = Receiver::start(Says::Refused).await;
    let server = Server::with_slack(&slack).await;
    let event = json(&server, &["emit", "user.signup", "email=a@example.com", "--organization", "org_1"]).await;
    server.settled(&event).await;
    let id = text(&event["event_id"]);
    assert_eq!(json(&server, &["timeline", id]).await["payload"], json!({ "email": "a@example.com" }));
    assert_eq!(rows(&json(&server, &["timeline", "--organization", "org_1"]).await, "events").len(), 1);
    assert_eq!(json(&server, &["tail", "--no-follow"]).await["event_id"], event["event_id"]);
    let deliveries = json(&server, &["deliveries", "--event", id, "--state", "dead"]).await;
    let delivery = deliveries["deliveries"][0]["delivery_id"].to_string();
    assert_eq!(rows(&json(&server, &["deliveries", &delivery]).await, "attempts").len(), 1);
    assert_eq!(rows(&json(&server, &["dead-letters", "list"]).await, "dead_letters").len(), 1);
    assert_eq!(json(&server, &["dead-letters", "show", &delivery]).await["delivery_id"].to_string(), delivery);
    assert_eq!(json(&server, &["dead-letters", "redrive", &delivery]).await, json!({ "redriven": 1 }));
    let key = json(&server, &["keys", "create", "ci", "--scopes", "publish,read"]).await;
    let id = text(&key["key_id"]);
    assert_eq!(rows(&json(&server, &["keys", "list"]).await, "keys").len(), 2);
    assert_eq!(json(&server, &["keys", "delete", id]).await, json!({ "deleted": id }));

    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("events.toml");
    std::fs::write(&file, format!("[server]\ndata_dir = {:?}", scratch.path().join("data"))).unwrap();
    let file = file.to_str().unwrap();
    let check = json(&server, &["check", "--config", file]).await;
    let data_dir = rows(&check, "settings").iter().find(|setting| setting["key"] == "server.data_dir");
    assert_eq!(data_dir.unwrap()["from"], file);
    assert_eq!(check["database_bytes"], Value::Null, "and it stays like that");
    assert_eq!(json(&server, &["migrate", "--config", file]).await["schema_version"], 7);
    assert!(json(&server, &["check", "--config", file]).await["database_bytes"].is_u64());
}

#[tokio::test]
async fn events_come_from_standard_input_as_they_are_written() {
    let server = Server::start().await;
    let lines = "{\"event_type\":\"a.b\",\"payload\":{\"z\":1.50,\"a\":2}}\n\n{\"type\":\"a.c\",\"data\":{}}\n";
    assert_eq!(printed(&server, &["emit", "-"], lines).await.lines().count(), 2);
    printed(&server, &["emit", "a.d", "-"], "{\"z\":1.50,\"a\":2}").await;
    let list = server.get("/api/v1/events").await;
    assert_eq!(list.column("events", "event_type"), ["a.d", "a.c", "a.b"]);
    assert_eq!(list.text.matches(r#"{"z":1.50,"a":2}"#).count(), 2, "{}", list.text);

    let wrong = run(&server, &["emit", "-"], "{\"event_type\":\"a.b\",\"payload\":{}}\nnonsense\n").await;
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("line 2"));
    assert_eq!(wrong.status.code(), Some(1));
}

#[tokio::test]
async fn refusals_are_told_in_words_and_exit_codes() {
    let server = Server::start().await;
    for (words, code, told) in [
        (&["emit", "Signup"][..], 1, "event_type is refused"),
        (&["emit", "a.b", "email"], 1, "name=value"),
        (&["timeline", "../keys"], 1, "there is no event"),
        (&["timeline", "--api-key", "ek_wrong"], 1, "not known"),
        (&["timeline", "--url", "http://127.0.0.1:1"], 1, "events-server serve"),
        (&["check", "--config", "nowhere.toml"], 1, "does not exist"),
        (&["emitt"], 2, "emit"),
    ] {
        let output = run(&server, words, "").await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(error.contains(told), "{words:?}: {error}");
        assert!(output.stdout.is_empty(), "{words:?}");
    }
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_the_program_quietly() {
    let server = Server::start().await;
    for words in [&["check"][..], &["keys", "list"], &["keys", "list", "--json"], &["tail"]] {
        let mut command = program(&server);
        command.args(words);
        server.publish(&json!({ "event_type": "a.b", "payload": {} })).await;
        let run = move || {
            let mut child = command.spawn().unwrap();
            drop(child.stdout.take());
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            (child.wait().unwrap(), errors)
        };
        let (status, errors) = tokio::task::spawn_blocking(run).await.unwrap();
        assert_eq!((status.code(), errors.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[tokio::test]
async fn serve_says_where_everything_is() {
    let server = Server::start().await;
    let scratch = tempfile::tempdir().unwrap();
    let mut command = program(&server);
    command.args(["serve", "--json"]).env("EVENTS__SERVER__LISTEN", "127.0.0.1:0").current_dir(scratch.path());
    let run = move || {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    };
    let line = tokio::task::spawn_blocking(run).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    assert!(text(&said["api"]).starts_with("http://127.0.0.1:"), "{line}");
    assert_eq!(
        (&said["key_file"], &said["database"]),
        (&json!("events-data/admin.key"), &json!("sqlite:events-data/events.db"))
    );
    assert_eq!(said["slack"], false);
}
