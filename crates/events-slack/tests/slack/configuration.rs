//! What the configuration decides: templates, channels, destinations and routes.

use std::{collections::BTreeSet, sync::Arc};

use events_core::{
    Catalog, EventHandler,
    ports::Delivered,
    routing::{Route, RoutingTable, plan},
};
use events_slack::SlackHandler;
use serde_json::{Value, json};

use crate::{
    given::{configured, delivery, event, handle, handler},
    receiver::Receiver,
};

const URL: &str = "https://hooks.slack.com/services/T1/B1/secret";

fn pairs(routes: &[Route]) -> BTreeSet<String> {
    routes.iter().map(|route| format!("{} {:?}", route.target, route.events)).collect()
}

fn refused(config: Value) -> String {
    configured(config).unwrap_err().to_string()
}

/// What a handler sends for one event, over all targets the routing table leads it to.
async fn messages(handler: &SlackHandler, receiver: &Receiver, event_type: &str, payload: Value) -> Vec<String> {
    let table = RoutingTable::new(Arc::new(Catalog::embedded()), handler.routes());
    let event = delivery("none", event(event_type, payload.clone())).event;
    let before = receiver.requests().len();
    for delivery in plan(&table, &event, jiff::Timestamp::UNIX_EPOCH).deliveries {
        handle(handler, delivery.target.as_str(), event_type, payload.clone()).await.unwrap();
    }
    let path = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    receiver.requests()[before..].iter().map(|request| format!("{} {}", path(&request.line), request.text())).collect()
}

/// R041, R066, R067
#[test]
fn without_a_destination_there_is_no_handler() {
    assert!(configured(json!({})).unwrap().is_none());
    assert!(configured(json!({ "webhook_url": "", "bot_token": " " })).unwrap().is_none());
    assert!(configured(json!({ "webhook_url": URL })).unwrap().is_some());
    assert!(refused(json!({ "templates": { "a.b": { "template": "{" } } })).contains("slack.templates.a.b.template"));
}

/// R033
#[test]
fn every_type_with_a_template_has_a_route_and_no_other() {
    let handler = handler(json!({ "webhook_url": URL, "channels": { "#alerts": URL, "#signups": URL } }));
    assert_eq!(handler.name().as_str(), "slack");
    assert!(handler.routes().iter().all(|route| route.handler.as_str() == "slack"));
    let told = |entry: &&events_core::CatalogEntry| entry.handlers.contains_key("slack");
    let pair = |entry: &events_core::CatalogEntry| {
        let channel = entry.handlers["slack"]["channel"].as_str().unwrap_or("default");
        format!("{channel} [{}]", entry.event_type)
    };
    let expected: BTreeSet<_> = Catalog::embedded().entries().filter(told).map(pair).collect();
    assert!(expected.len() >= 10, "the eight one-liners and the two rich messages");
    assert_eq!(pairs(&handler.routes()), expected);
}

#[test]
fn what_cannot_be_reached_has_no_route() {
    let only_alerts = handler(json!({ "channels": { "#alerts": URL } }));
    assert_eq!(pairs(&only_alerts.routes()), ["#alerts [billing.payment_failed]".to_owned()].into());
    let bot = handler(json!({ "bot_token": "xoxb-1" }));
    assert_eq!(bot.routes().len(), 2, "there is no default channel");
    let bot = handler(json!({ "bot_token": "xoxb-1", "default_channel": "#alerts" }));
    assert_eq!(bot.routes().len(), 10);
    assert!(pairs(&bot.routes()).contains("default [billing.payment_failed]"), "one target for one channel");
}

#[tokio::test]
async fn a_removed_destination_is_a_dead_letter() {
    let handler = handler(json!({ "channels": { "#alerts": URL } }));
    let error = handle(&handler, "#old", "user.signup", json!({ "email": "a@b.c" })).await.unwrap_err();
    assert_eq!((error.class.as_str(), error.advice), ("no_destination", events_core::ports::Advice::Fail));
    assert_eq!(error.message, "no Slack destination is configured for #old");
}

/// The channel's own webhook, else the bot, else the default webhook.
#[tokio::test]
async fn a_channel_without_a_destination_is_named_in_the_default_one() {
    let receiver = Receiver::start([]).await;
    let urls = json!({ "webhook_url": receiver.url("/default"), "channels": { "#alerts": receiver.url("/alerts") } });
    let both = handler(urls);
    let payload = json!({ "email": "a@b.c" });
    assert_eq!(
        messages(&both, &receiver, "auth.user_signed_up", payload.clone()).await,
        ["/default [#signups] 🎉 New user signed up: a@b.c"]
    );
    assert_eq!(both.route_fallbacks(), 1);
    let paid = json!({ "amount": 1, "organizationId": "o" });
    assert_eq!(
        messages(&both, &receiver, "billing.payment_failed", paid).await,
        ["/alerts ⚠️ Payment failed for organization o"]
    );
    assert_eq!(messages(&both, &receiver, "user.signup", payload.clone()).await, ["/default New signup: a@b.c"]);
    assert_eq!(both.route_fallbacks(), 1);

    let with_bot = handler(json!({
        "webhook_url": receiver.url("/default"), "bot_token": "xoxb-1", "api_base_url": receiver.url("/slack/"),
    }));
    assert_eq!(messages(&with_bot, &receiver, "user.signup", payload.clone()).await, ["/default New signup: a@b.c"]);
    let request = handle(&with_bot, "#signups", "auth.user_signed_up", payload).await;
    assert!(request.is_err(), "the receiver answers `ok`, which is no answer of the API");
    assert_eq!(receiver.requests().last().unwrap().line, "POST /slack/api/chat.postMessage HTTP/1.1");
}

/// Whatever goes to one address is one target: it shares one rate and one pause.
#[test]
fn channels_without_a_destination_share_the_default_target() {
    let targets = |config| {
        let routes = handler(config).routes();
        let mut targets: Vec<_> = routes.iter().map(|route| route.target.as_str().to_owned()).collect();
        targets.sort_unstable();
        targets.dedup();
        targets
    };
    assert_eq!(targets(json!({ "webhook_url": URL })), ["default"]);
    assert_eq!(targets(json!({ "webhook_url": URL, "channels": { "#alerts": URL } })), ["#alerts", "default"]);
    assert_eq!(
        targets(json!({ "bot_token": "xoxb-1", "default_channel": "#all" })),
        ["#alerts", "#signups", "default"]
    );
}

/// R032: overridable per type.
#[tokio::test]
async fn templates_are_changed_added_and_muted_by_type() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({
        "webhook_url": receiver.url("/default"),
        "channels": { "#ops": receiver.url("/ops") },
        "templates": {
            "user.signup": { "template": "Welcome {email}" },
            "import.failed": { "channel": "#ops" },
            "order.shipped": { "template": "Shipped {order}", "channel": "#ops",
                "fields": [{ "title": "<Total>", "money": "total", "unit": "major" }, { "title": "By", "value": "{by|x}" }] },
            "import.completed": { "template": "" },
            "importer.created": { "enabled": false },
            "user.signed_up": { "channel": "#ops", "fields": [] },
        },
    }));
    let sent = async |event_type: &str, payload| messages(&handler, &receiver, event_type, payload).await;
    let email = json!({ "email": "a@b.c", "importer_name": "i", "row_count": 1, "error": "e" });
    assert_eq!(sent("user.signup", email.clone()).await, ["/default Welcome a@b.c"]);
    assert_eq!(sent("import.failed", email.clone()).await, ["/ops Import failed: a@b.c - e"]);
    assert_eq!(sent("order.shipped", json!({ "order": 7, "total": 12.5 })).await, ["/ops Shipped 7"]);
    let fields = receiver.requests().last().unwrap().json()["blocks"][1]["fields"].clone();
    assert_eq!(fields[0]["text"], "*&lt;Total&gt;*\n$12.50");
    assert_eq!(fields[1]["text"], "*By*\nx");
    assert!(sent("import.completed", email.clone()).await.is_empty());
    assert!(sent("importer.created", email.clone()).await.is_empty());
    assert_eq!(sent("auth.user_signed_up", email.clone()).await, ["/ops 🎉 New user signed up: a@b.c"]);
    assert_eq!(receiver.requests().last().unwrap().json().as_object().unwrap().len(), 1, "no fields any more");

    let muted = handle(&handler, "default", "importer.created", email).await;
    assert_eq!(muted, Ok(Delivered::dropped("importer.created has no Slack template for default")));
}

/// R032: overridable per channel, and further channels for a type.
#[tokio::test]
async fn a_channel_gets_types_besides_with_its_own_words() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({
        "webhook_url": receiver.url("/default"),
        "channels": { "#ops": receiver.url("/ops"), "#alerts": receiver.url("/alerts") },
        "templates": { "user.first_import": { "enabled": false } },
        "channel_templates": {
            "#ops": {
                "import.failed": { "template": ":fire: {error}" }, "user.signup": {}, "user.first_import": {},
                "a.b": { "template": "x" },
            },
            "#alerts": { "billing.payment_failed": { "enabled": false } },
        },
    }));
    let sent = async |event_type: &str, payload| messages(&handler, &receiver, event_type, payload).await;
    let email = json!({ "email": "a@b.c", "importer_name": "i", "error": "e" });
    assert_eq!(sent("import.failed", email.clone()).await, ["/default Import failed: a@b.c - e", "/ops :fire: e"]);
    assert_eq!(sent("user.signup", email.clone()).await, ["/default New signup: a@b.c", "/ops New signup: a@b.c"]);
    assert_eq!(sent("user.first_import", email).await, ["/ops First import: a@b.c via i"]);
    assert_eq!(sent("a.b", json!({})).await, ["/ops x"]);
    assert!(sent("billing.payment_failed", json!({ "amount": 1, "organizationId": "o" })).await.is_empty());
}

/// A delivery that was planned before the type moved to another channel is not lost.
#[tokio::test]
async fn an_older_target_gets_the_types_own_message() {
    let receiver = Receiver::start([]).await;
    let moved = handler(json!({
        "webhook_url": receiver.url("/default"), "templates": { "user.signup": { "channel": "#people" } },
    }));
    handle(&moved, "default", "user.signup", json!({ "email": "a@b.c" })).await.unwrap();
    assert_eq!(receiver.only_request().text(), "[#people] New signup: a@b.c");
}

#[test]
fn a_refused_configuration_names_the_key() {
    let check = |config: Value, expected: &str| {
        let error = refused(config);
        assert!(error.contains(expected), "{error}");
    };
    for url in ["hooks.slack.com/T1", "ftp://hooks.slack.com/x", "http://", "{url}", "mailto:a@b.c"] {
        check(json!({ "webhook_url": url }), "slack.webhook_url is refused: it is not an http or https URL");
        check(json!({ "channels": { "#ops": url } }), "slack.channels.#ops is refused");
    }
    check(json!({ "channels": { "#ops": "" } }), "slack.channels.#ops is refused");
    check(json!({ "bot_token": "xoxb-1\nX: y" }), "slack.bot_token is refused: a token is one word");
    for base in ["ftp://slack.com", "slack.com", ""] {
        check(json!({ "bot_token": "x", "api_base_url": base }), "slack.api_base_url is refused");
    }
    for channel in ["ops", "#", "#a b", "#<!here>", "c12345678", &format!("#{}", "x".repeat(81))] {
        check(json!({ "channels": { channel: URL } }), "is no channel; write `#name` or a channel id");
        check(
            json!({ "templates": { "user.signup": { "channel": channel } } }),
            "slack.templates.user.signup.channel: ",
        );
        check(json!({ "channel_templates": { channel: {} } }), "slack.channel_templates: ");
    }
    check(json!({ "webhook_url": URL, "default_channel": "#a" }), "webhook_url is the default destination already");
    check(json!({ "channels": { "#b": URL }, "default_channel": "#a" }), "it needs slack.bot_token");
    let template = |template: Value| json!({ "templates": { "x.y": template } });
    check(template(json!({ "channel": "#a" })), "slack.templates.x.y is refused: it needs a `template`");
    check(
        template(json!({ "template": "{a:.2f}" })),
        "slack.templates.x.y.template is refused: the template `{a:.2f}`",
    );
    let field = |field: Value| template(json!({ "template": "x", "fields": [field] }));
    check(field(json!({ "title": "t", "value": "{" })), "slack.templates.x.y.fields[0].value is refused");
    for wrong in [
        json!({ "title": "t" }),
        json!({ "title": "t", "value": "x", "money": "m" }),
        json!({ "title": "t", "value": "x", "unit": "minor" }),
    ] {
        check(field(wrong), "either a `value` or `money` with its `unit`");
    }
    check(field(json!({ "title": " ", "value": "x" })), "a field needs a `title`");
    check(field(json!({ "title": "t", "money": "a:," })), "`money` is the name of a field");
    let fields = vec![json!({ "title": "t", "value": "x" }); 491];
    check(template(json!({ "template": "x", "fields": fields })), "more fields than the 490");
    check(
        json!({ "channel_templates": { "#ops": { "x.y": {} } } }),
        "slack.channel_templates.#ops.x.y is refused: it needs a `template`",
    );
    check(
        json!({ "templates": { "user.signed_up": { "channel": "#a" }, "auth.user_signed_up": { "channel": "#b" } } }),
        "it is the same type as auth.user_signed_up; keep one of them",
    );
}

/// The unit of an amount is what the catalog says (C35).
#[tokio::test]
async fn the_catalog_says_what_an_amount_counts() {
    let receiver = Receiver::start([]).await;
    let handler = handler(json!({
        "webhook_url": receiver.url("/"),
        "templates": { "payment.succeeded": { "template": "Paid", "fields": [{ "title": "T", "money": "amount" }] } },
    }));
    let catalog = Catalog::embedded();
    let entry = catalog.entry(&"payment.succeeded".parse().unwrap()).unwrap();
    let amount = entry.fields.iter().find(|field| field.name == "amount").unwrap();
    assert_eq!(amount.unit.as_deref(), Some("major"));
    handle(&handler, "default", "payment.succeeded", json!({ "amount": 50 })).await.unwrap();
    assert_eq!(receiver.only_request().json()["blocks"][1]["fields"][0]["text"], "*T*\n$50.00");
}

#[test]
fn types_of_an_own_catalog_are_told_and_their_faults_named() {
    let with = |slack: Value| {
        let entry = json!({
            "type": "order.shipped", "version": "1.0.0", "description": "x", "category": "y", "fields": [],
            "handlers": { "slack": slack },
        });
        let catalog = Catalog::from_json(&json!({ "events": [entry] }).to_string()).unwrap();
        let config = serde_json::from_value(json!({ "webhook_url": URL })).unwrap();
        SlackHandler::from_config(&config, Arc::new(catalog))
    };
    let handler = with(json!({ "template": "Shipped {order}" })).unwrap().unwrap();
    assert_eq!(pairs(&handler.routes()), ["default [order.shipped]".to_owned()].into());
    let refused = |slack| with(slack).unwrap_err().to_string();
    assert!(
        refused(json!({ "text": "x" })).contains("handlers.slack of order.shipped is refused: unknown field `text`")
    );
    assert!(refused(json!({ "template": "{" })).contains("order.shipped"));
    assert!(refused(json!({ "template": "x", "channel": "ops" })).contains("`ops` is no channel"));
}
