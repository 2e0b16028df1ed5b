//! Whatever a value holds, it stays text: no mention, no link, no broken JSON, no `<` of its own.

use events_core::EventHandler;
use events_slack::SlackHandler;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    given::{delivery, event, handler},
    receiver::Receiver,
};

/// A template that uses each place a value may stand in.
const TEMPLATE: &str =
    "{v}{w} &amp;{v} <https://app.example/u/{v}?q={w}|{v}> <!here> {{{w}}} R & {v}{missing|<!date^1>}";

/// What Slack would see: the insides of `<…>`, and the text around them.
///
/// Slack takes a `<` as the start of a mention, a link or a command, up to the next `>`.
fn tokens(text: &str) -> (Vec<&str>, String) {
    let (mut tokens, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        plain.push_str(&rest[..start]);
        tokens.push(&rest[start + 1..start + length]);
        rest = &rest[start + length + 1..];
    }
    plain.push_str(rest);
    (tokens, plain)
}

/// Texts made of what is dangerous, and any others.
fn value() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "<",
        ">",
        "&",
        "|",
        "!channel",
        "@U012AB3CD",
        "#C024BE7LR",
        "https://evil.example",
        "lt;",
        "gt;",
        "amp;",
        "!subteam^S1|x",
        "\"",
        "\\",
        "}",
        "{",
        "\n",
        "\r",
        "\t",
        "\u{0}",
        "\u{202e}",
        "\u{2028}",
        "\u{7f}",
        "é",
        "😀",
        "mailto:a@b.c",
        "\\u003c",
        "%3C",
        "x",
    ];
    let dangerous = prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|parts| parts.concat());
    prop_oneof![3 => dangerous, 1 => any::<String>(), 1 => "[<>&;a-z]{0,400}"]
}

fn hostile_handler(receiver: &Receiver) -> SlackHandler {
    handler(json!({
        "webhook_url": receiver.url("/"),
        "templates": {
            "plain.text": { "template": TEMPLATE },
            "rich.text": { "template": TEMPLATE, "fields": [{ "title": "Title", "value": TEMPLATE }] },
        },
    }))
}

/// Sends a plain message, one with fields and a digest.
async fn send(handler: &SlackHandler, payload: &Value) {
    for event_type in ["plain.text", "rich.text"] {
        handler.handle(&delivery("default", event(event_type, payload.clone()))).await.unwrap();
    }
    let twice = [(); 2].map(|()| delivery("default", event("rich.text", payload.clone())));
    handler.handle_digest(&twice).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
}

/// All texts of a body.
fn texts(body: &Value, found: &mut Vec<String>) {
    match body {
        Value::Object(members) => members.iter().for_each(|(key, value)| match value.as_str() {
            Some(text) if key == "text" => found.push(text.to_owned()),
            _ => texts(value, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

fn check(text: &str) {
    let (tokens, plain) = tokens(text);
    for token in &tokens {
        let own = *token == "!here" || *token == "!date^1" || token.starts_with("https://app.example/u/");
        assert!(own, "a value made `<{token}>` in {text:?}");
    }
    assert!(!plain.contains(['<', '>']), "{text:?}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains(['\u{202e}', '\u{2028}']), "{text:?}");
    for (at, _) in plain.match_indices('&') {
        let whole = ["&amp;", "&lt;", "&gt;", "& "].iter().any(|entity| plain[at..].starts_with(entity));
        assert!(whole, "a broken entity in {text:?}");
    }
}

#[test]
fn no_value_makes_a_mention_a_link_or_broken_json() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let receiver = runtime.block_on(Receiver::start([]));
    let handler = hostile_handler(&receiver);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(v in value(), w in value())| {
        // The core refuses the character NUL before a handler sees it.
        let payload = json!({ "v": v.replace('\u{0}', "\u{1}"), "w": w.replace('\u{0}', "\u{1}") });
        runtime.block_on(send(&handler, &payload));
        let bodies: Vec<_> = receiver.take_requests().iter().map(|request| request.json()).collect();
        assert_eq!(bodies.len(), 3);
        let mut found = Vec::new();
        bodies.iter().for_each(|body| texts(body, &mut found));
        assert_eq!(found.len(), 5, "plain text; rich text, its section and field; digest");
        found.iter().for_each(|text| check(text));
        let keys: Vec<_> = bodies[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["text"]);
    });
}

/// The parser of this test sees what it should.
#[test]
fn the_parser_finds_tokens() {
    assert_eq!(tokens("a <!channel> b <https://x|y>"), (vec!["!channel", "https://x|y"], "a  b ".to_owned()));
    assert_eq!(tokens("a < b"), (vec![], "a < b".to_owned()));
}
