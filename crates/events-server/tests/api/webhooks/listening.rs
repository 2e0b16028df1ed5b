//! `listen`, as a process.

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use super::{path, server};
use crate::server::{Server, text};

/// A receiver that runs, and what it prints.
struct Listener {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Listener {
    /// Speaks JSON.
    fn start(words: &[&str]) -> Self {
        let mut it = Self::spawn(&[words, &["--json"]].concat());
        it.url = text(&it.next()["listening"]).to_owned();
        it
    }

    /// Speaks to people.
    fn in_words(words: &[&str]) -> Self {
        let mut it = Self::spawn(words);
        let said = it.line();
        let url = said.strip_prefix("Listening on ").and_then(|said| said.strip_suffix(". Ctrl-C ends it."));
        it.url = url.unwrap_or_else(|| panic!("{said}")).to_owned();
        it
    }

    fn spawn(words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_events-server"));
        command.env_clear().args(["listen", "--port", "0"]).args(words);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines, url: String::new() }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The lines about one request, whose body is a JSON object.
    fn block(&mut self) -> Vec<String> {
        let mut block = Vec::new();
        while block.last().is_none_or(|line| line != "  }") {
            block.push(self.line());
        }
        block
    }

    /// Sends bytes on a connection of their own, and returns what is answered.
    fn send(&self, bytes: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        connection.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Ctrl-C, and the last line.
    fn interrupted(self) -> Value {
        serde_json::from_str(self.interrupted_in_words().last().unwrap()).unwrap()
    }

    /// Ctrl-C, and all lines that had not been read.
    fn interrupted_in_words(mut self) -> Vec<String> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.process.wait().unwrap().success());
        rest
    }
}

/// No test leaves a process behind, however it ends.
impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

async fn tested(server: &Server, subscription: &Value) -> Value {
    server.act(subscription, "test", &json!({})).await.body
}

#[tokio::test]
async fn statuses_are_answered_in_turn_and_signatures_are_checked() {
    let server = server().await;
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut listener = Listener::start(&["--secret", secret, "--status", "500,429,204", "--delay", "1ms"]);
    let made = server.subscribe(&json!({ "url": listener.url, "events": ["*"], "secret": secret })).await;
    for status in [500, 429, 204, 204] {
        assert_eq!(tested(&server, &made).await["response"]["status"], status);
        let received = listener.next();
        assert_eq!((&received["signature_ok"], &received["status"]), (&json!(true), &json!(status)), "{received}");
        assert_eq!(received["body"]["type"], "webhook.test");
    }
    server.act(&made, "rotate", &json!({ "grace_seconds": 0 })).await;
    tested(&server, &made).await;
    let received = listener.next();
    assert_eq!(received["signature_ok"], false);
    assert!(text(&received["signature_fault"]).contains("no signature fits"), "{received}");
    assert_eq!(listener.interrupted(), json!({ "received": 5, "signature_ok": 4, "signature_wrong": 1 }));
}

#[tokio::test]
async fn people_see_each_status_the_verdict_and_the_body() {
    let server = server().await;
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let mut listener = Listener::in_words(&["--secret", secret, "--status", "500,429,204"]);
    let made = server.subscribe(&json!({ "url": listener.url, "events": ["*"], "secret": secret })).await;
    for (number, status) in [(1, 500), (2, 429), (3, 204), (4, 204)] {
        assert_eq!(tested(&server, &made).await["response"]["status"], status);
        let block = listener.block();
        let title = format!("#{number} POST /, answered {status}");
        assert_eq!(block[..3], ["", &title, "  signature ok"]);
        assert!(block.iter().any(|line| line.starts_with("  webhook-id: evt_")), "{block:?}");
        let body = block.iter().position(|line| line == "  {").unwrap();
        let body = &block[body..];
        assert!(body.iter().any(|line| line.starts_with(r#"    "type": "webhook.test""#)), "a field a line: {block:?}");
        assert!(serde_json::from_str::<Value>(&body.concat()).is_ok(), "{block:?}");
    }
    server.act(&made, "rotate", &json!({ "grace_seconds": 0 })).await;
    tested(&server, &made).await;
    let block = listener.block();
    assert!(block[2].starts_with("  SIGNATURE WRONG: ") && block[2].contains("no signature fits"), "{block:?}");
    let last = listener.interrupted_in_words();
    assert_eq!(last, ["", "5 received, 4 with a good signature, 1 with a wrong one"]);
}

#[test]
fn people_are_told_that_nothing_is_checked() {
    let mut listener = Listener::in_words(&[]);
    assert_eq!(listener.line(), "Signatures are not checked; give --secret or --public-key.");
    let body = r#"{"amount":[1.5]}"#;
    let head =
        format!("POST /x?y=1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = listener.send((head + body).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let expected = "\n#1 POST /x?y=1, answered 200\n  signature not checked\n  host: a\n  connection: close\n  \
                    content-length: 16\n  {\n    \"amount\": [\n      1.5\n    ]\n  }";
    assert_eq!(listener.block().join("\n"), expected);
    let last = listener.interrupted_in_words();
    assert_eq!(last, ["", "1 received, 0 with a good signature, 0 with a wrong one"]);
}

#[tokio::test]
async fn challenges_are_answered_and_public_keys_verify() {
    let server = server().await;
    let first = Listener::start(&[]);
    let request = json!({ "url": first.url, "events": ["*"], "signature": "v1a", "challenge": true });
    let made = server.subscribe(&request).await;
    assert_eq!(made["verified"], true, "{made}");
    drop(first.interrupted());
    let mut listener = Listener::start(&["--public-key", text(&made["public_key"])]);
    server.patch(&made, &json!({ "url": listener.url })).await;
    assert_eq!(tested(&server, &made).await["succeeded"], true);
    assert_eq!(listener.next()["signature_ok"], true);
    assert_eq!(server.get(&path(&made, "")).await.body["verified"], true);
    listener.interrupted();
}

#[test]
fn rubbish_and_bodies_without_end_are_survived() {
    let mut listener = Listener::start(&["--secret", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]);
    for rubbish in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], b"GET\r\n\r\n", b"\0\0\0\0\r\n\r\n"] {
        listener.send(rubbish);
    }
    let answer = listener.send(b"POST /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\n\xff{\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let received = listener.next();
    assert!(text(&received["signature_fault"]).contains("webhook-id is missing"), "{received}");

    let mut huge = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 18000000\r\n\r\n".to_vec();
    huge.resize(huge.len() + 18_000_000, b'x');
    let mut connection = TcpStream::connect(listener.url.trim_start_matches("http://")).unwrap();
    let _ = connection.write_all(&huge); // it may have been refused before its end
    assert!(text(&listener.next()["refused"]).contains("larger than"));
    drop(connection);
    let last = listener.interrupted();
    assert_eq!((&last["received"], &last["signature_ok"]), (&json!(2), &json!(0)));
}

#[test]
fn a_key_that_is_none_and_a_port_that_is_taken_are_told() {
    let listener = Listener::start(&[]);
    let port = listener.url.rsplit(':').next().unwrap().to_owned();
    for (words, told) in [
        (&["--secret", "secretvalue"][..], "must begin with `whsec_`"),
        (&["--public-key", "whpk_AAAA"], "must hold 32 bytes"),
        (&["--port", &port], "choose another --port"),
        (&["--status", "99"], "200..=599"),
        (&["--delay", "soon"], "500ms"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_events-server"));
        let output = command.env_clear().arg("listen").args(words).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && error.contains(told) && !error.contains("secretvalue"),
            "{words:?}: {error}"
        );
    }
    listener.interrupted();
}
