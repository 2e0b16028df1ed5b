//! The address of a webhook and the token of a bot appear nowhere.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use events_slack::SlackConfig;
use serde_json::{Value, json};
use tracing::{Event, Metadata, Subscriber, field::Visit, span};

use crate::{
    failures::nobody,
    given::{configured, handle, handler, signup},
    receiver::{Receiver, Reply},
};

const SECRET: &str = "s3cr3tXk29dPq";
const PATH: &str = "/services/T0AAAAAAA/B0BBBBBBB/s3cr3tXk29dPq";
const TOKEN: &str = "xoxb-s3cr3tXk29dPq";

/// Keeps every line of the log, of all levels and crates.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for &Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut &*self);
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut &*self);
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn clean(what: &str, shown: &str) {
    assert!(!shown.contains(SECRET), "{what} shows the secret: {shown}");
}

/// What Slack, or whoever stands at the address, can answer: with the secret in it.
fn answers() -> Vec<Reply> {
    let echo = format!("cannot POST http://127.0.0.1{PATH} with {TOKEN}");
    let bot = |error: &str| Reply::status(200, &format!(r#"{{"ok":false,"error":"{error}","echo":"{TOKEN}"}}"#));
    vec![
        Reply::status(200, &echo),
        Reply::status(400, &echo),
        Reply::status(404, &echo),
        Reply::status(500, &format!("{}{echo}", "x".repeat(230))), // the excerpt would end in the secret
        Reply::status(500, SECRET),
        Reply::Answer(429, &[], echo.clone()),
        Reply::Answer(302, &[("Location", PATH)], echo),
        Reply::status(404, "no_service"),
        Reply::HangUp,
        bot("channel_not_found"),
        bot(TOKEN),
        Reply::status(200, &format!(r#"{{"ok":true,"warning":"{TOKEN}"}}"#)),
    ]
}

#[tokio::test]
async fn no_answer_error_debug_text_or_log_line_shows_a_secret() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    for reply in answers() {
        let receiver = Receiver::start([reply.clone(), reply.clone(), reply]).await;
        let webhook = handler(json!({ "webhook_url": receiver.url(PATH) }));
        let bot = handler(json!({ "bot_token": TOKEN, "api_base_url": receiver.url(""), "default_channel": "#x" }));
        for handler in [&webhook, &bot] {
            clean("the handler", &format!("{handler:?}"));
            let outcome = signup(handler).await;
            clean("the outcome", &format!("{outcome:?}"));
            if let Err(error) = outcome {
                clean("the error", &error.to_string());
            }
        }
        let stood_in = handle(&webhook, "#signups", "auth.user_signed_up", json!({ "email": "a@b.c" })).await;
        clean("the outcome in place of a channel", &format!("{stood_in:?}"));
        assert_eq!(receiver.requests().len(), 3);
    }
    for url in [nobody(), "http://no-such-host.invalid".into(), "https://127.0.0.1:1".into()] {
        let outcome = signup(&handler(json!({ "webhook_url": format!("{url}{PATH}?key={SECRET}") }))).await;
        clean("the connection error", &format!("{outcome:?} {}", outcome.as_ref().unwrap_err()));
    }
    let log = log.0.lock().unwrap();
    assert!(log.contains("stands in for a channel"), "the log is kept: {log}");
    clean("the log", &log);
}

#[tokio::test]
async fn an_answer_that_repeats_the_secret_is_withheld() {
    let script = [format!("no route {PATH}"), "no services today".to_owned()].map(|body| Reply::status(500, &body));
    let receiver = Receiver::start(script).await;
    let handler = handler(json!({ "webhook_url": receiver.url(PATH) }));
    let error = signup(&handler).await.unwrap_err();
    let withheld = "(withheld: the answer repeats the credential of the destination)";
    assert_eq!(error.response.as_deref(), Some(withheld));
    assert_eq!(error.class.as_str(), "http_5xx", "it is judged all the same");
    let other = signup(&handler).await.unwrap_err();
    assert_eq!(other.response.as_deref(), Some("no services today"));
}

#[test]
fn no_refused_configuration_shows_a_secret() {
    for config in [
        json!({ "webhook_url": format!("ftp://x{PATH}") }),
        json!({ "webhook_url": SECRET }),
        json!({ "channels": { "#ops": format!("hooks.slack.com{PATH}") } }),
        json!({ "bot_token": format!("{TOKEN} {TOKEN}") }),
        json!({ "channels": { format!("https://hooks.slack.com{PATH}"): "#ops" } }),
        json!({ "bot_token": "x", "default_channel": TOKEN }),
        json!({ "bot_token": "x", "api_base_url": TOKEN }),
        json!({ "bot_token": TOKEN, "webhook_url": format!("http://x{PATH}"), "default_channel": "#x" }),
    ] {
        let error = configured(config).unwrap_err();
        clean("the error", &format!("{error} {error:?}"));
    }
    let webhooks = json!({ "webhook_url": PATH, "bot_token": TOKEN, "channels": { "#ops": PATH } });
    clean("the configuration", &format!("{:?}", serde_json::from_value::<SlackConfig>(webhooks).unwrap()));
    let wrong_kind: Value = json!({ "webhook_url": [format!("http://x{PATH}")] });
    clean("the error of the parser", &serde_json::from_value::<SlackConfig>(wrong_kind).unwrap_err().to_string());
}
