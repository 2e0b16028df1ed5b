//! The command line, by its own binary against a running server.

use events_tests::{Home, PATIENCE, Receiver, Reply, Server, Store, eventually, on_each_store};
use serde_json::Value;

on_each_store! {
    events_are_emitted_and_shown,
    dead_letters_are_listed_shown_and_redriven,
    keys_are_made_listed_used_and_deleted,
}

struct Cli<'a> {
    home: &'a Home,
    server: &'a Server,
}

impl Cli<'_> {
    #[track_caller]
    fn text(&self, arguments: &[&str]) -> String {
        self.home.cli(self.server, arguments).ok()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        self.home.cli(self.server, &[&["--json"], arguments].concat()).json()
    }
}

async fn events_are_emitted_and_shown(store: Store) {
    let receiver = Receiver::start().await;
    let home = Home::on(&store, &receiver.slack(1));
    let server = home.start().await;
    let cli = Cli { home: &home, server: &server };

    let id = cli.text(&["emit", "test.c0", r#"{"n": 1}"#]).trim().to_owned();
    let pairs = cli.text(&["emit", "user.note", "n=2", "text=two words", "--actor", "u1", "--organization", "acme"]);
    let again = ["emit", "user.note", "n=3", "--idempotency-key", "k"];
    assert_eq!(cli.json(&again)["duplicate"], false);
    assert_eq!(cli.json(&again)["duplicate"], true);
    assert!(cli.text(&again).ends_with(" (published before)\n"));
    server.api().all_processed(PATIENCE).await;

    let story = cli.text(&["timeline", &id]);
    for part in ["test.c0", &id, r#"payload  {"n":1}"#, "slack to #c0: succeeded after 1 attempt(s)", "status 200"] {
        assert!(story.contains(part), "{part} in {story}");
    }
    assert_eq!(cli.json(&["timeline", &id])["deliveries"][0]["state"], "succeeded");
    let other = cli.json(&["timeline", pairs.trim()]);
    assert_eq!(other["payload"], serde_json::json!({ "n": 2, "text": "two words" }));
    assert_eq!((&other["actor"], &other["organization_id"]), (&"u1".into(), &"acme".into()));
    assert!(cli.text(&["timeline", pairs.trim()]).contains("no handler is interested in this type"));

    let table = cli.text(&["timeline"]);
    assert_eq!(table.lines().count(), 4, "a title and three events: {table}");
    assert!(table.starts_with("RECORDED"), "{table}");
    assert_eq!(cli.json(&["timeline", "--organization", "acme"])["events"].as_array().unwrap().len(), 1);
    assert_eq!(cli.json(&["timeline", "--types", "user.*", "--limit", "1"])["events"].as_array().unwrap().len(), 1);

    let tail = cli.text(&["tail", "--no-follow", "-n", "5"]);
    let types: Vec<_> = tail.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    assert_eq!(types, ["test.c0", "user.note", "user.note"], "oldest first");
    let lines = home.cli(&server, &["--json", "tail", "--no-follow", "-n", "2"]).ok();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "an event a line");

    let table = cli.text(&["deliveries"]);
    assert!(table.lines().nth(1).unwrap().contains("succeeded"), "{table}");
    let deliveries = cli.json(&["deliveries", "--state", "succeeded", "--event", &id]);
    let delivery = deliveries["deliveries"][0]["delivery_id"].to_string();
    assert!(cli.text(&["deliveries", &delivery]).lines().nth(1).unwrap().contains("done"));
    assert_eq!(cli.json(&["deliveries", &delivery])["attempts"][0]["outcome"], "done");
}

async fn dead_letters_are_listed_shown_and_redriven(store: Store) {
    let receiver = Receiver::start().await;
    receiver.answer_next("c0", [Reply::Status(400, "invalid_blocks", None)]);
    let home = Home::on(&store, &receiver.slack(1));
    let server = home.start().await;
    let cli = Cli { home: &home, server: &server };
    assert!(cli.text(&["dead-letters", "list"]).ends_with("(none)\n"));

    cli.text(&["emit", "test.c0", "n=1"]);
    let letters = eventually("a dead letter", PATIENCE, async || {
        let letters = cli.json(&["dead-letters", "list", "--handler", "slack"]);
        letters["dead_letters"].as_array().is_some_and(|letters| letters.len() == 1).then_some(letters)
    });
    let id = letters.await["dead_letters"][0]["delivery_id"].to_string();
    let table = cli.text(&["dead-letters", "list"]);
    for part in [&id, "test.c0", "slack", "#c0", "message_refused", "invalid_blocks"] {
        assert!(table.lines().nth(1).unwrap().contains(part), "{part} in {table}");
    }
    let shown = home.cli(&server, &["dead-letters", "show", &id]).json();
    assert_eq!((&shown["event"]["payload"]["n"], &shown["tries"][0]["outcome"]), (&1.into(), &"dead".into()));

    let refusal = home.cli(&server, &["dead-letters", "redrive"]).refused();
    assert!(refusal.contains("delivery_ids, handler or target"), "{refusal}");
    assert_eq!(cli.json(&["dead-letters", "redrive", &id])["redriven"], 1);
    server.api().all_processed(PATIENCE).await;
    assert_eq!(receiver.ledger().accepted(), [(1, 1)].into());
    assert!(cli.text(&["dead-letters", "list"]).ends_with("(none)\n"));
}

async fn keys_are_made_listed_used_and_deleted(store: Store) {
    let home = Home::on(&store, "");
    let server = home.start().await;
    let cli = Cli { home: &home, server: &server };
    let key = cli.text(&["keys", "create", "shop", "--scopes", "publish,read", "--organization", "acme"]);
    let key = key.trim();
    let made = cli.json(&["keys", "create", "other"]);
    assert_eq!(made["scopes"], serde_json::json!(["publish"]), "a key may publish unless it is told otherwise");

    let table = cli.text(&["keys", "list"]);
    assert_eq!(table.lines().count(), 4, "a title, the admin key and two more: {table}");
    assert!(table.contains("shop") && table.contains("acme") && !table.contains(key), "{table}");
    let keys = cli.json(&["keys", "list"]);
    let shop = keys["keys"].as_array().unwrap().iter().find(|key| key["name"] == "shop").unwrap();
    let id = shop["key_id"].as_str().unwrap();

    cli.text(&["--api-key", key, "emit", "user.note", "n=1"]);
    assert_eq!(cli.json(&["--api-key", key, "timeline"])["events"][0]["organization_id"], "acme");
    assert_eq!(cli.text(&["keys", "delete", id]), format!("deleted {id}\n"));
    let refusal = home.cli(&server, &["--api-key", key, "timeline"]).refused();
    assert!(refusal.contains("this API key is not known"), "{refusal}");
}
