//! What the server says of subscriptions, for people.

use std::io;

use serde_json::{Value, json};

use super::{text, webhook_stats};

/// Prints an answer: as JSON, or by `print`.
pub(super) fn told(answer: &Value, as_json: bool, print: impl FnOnce(&Value) -> io::Result<()>) -> anyhow::Result<()> {
    if as_json {
        text::print_json(answer)?
    } else {
        print(answer)?
    }
    Ok(())
}

fn line(title: &str, told: &str) -> io::Result<()> {
    text::say(format_args!("{title:<14}{told}"))
}

/// A subscription that was made.
pub(super) fn print_made(made: &Value) -> io::Result<()> {
    line("subscription", &text::shown(&made["subscription_id"]))?;
    print_secret(made)?;
    match made["challenge"]["error"].as_str() {
        Some(_) => line("not verified", &text::shown(&made["challenge"]["error"])),
        None => Ok(()),
    }
}

/// What a receiver verifies with.
pub(super) fn print_secret(answer: &Value) -> io::Result<()> {
    for (title, field) in [("secret", "secret"), ("public key", "public_key"), ("both sign till", "old_expires_at")] {
        if !answer[field].is_null() {
            line(title, &text::shown(&answer[field]))?;
        }
    }
    Ok(())
}

/// How a subscription is now.
pub(super) fn print_status(subscription: &Value) -> io::Result<()> {
    let [id, status] = ["subscription_id", "status"].map(|field| text::shown(&subscription[field]));
    text::say(format_args!("{id} is {status}"))
}

/// The list of subscriptions.
pub(super) fn print_list(answer: &Value) -> io::Result<()> {
    let row = |subscription: &Value| {
        let mut row = subscription.clone();
        let events: Vec<_> = text::rows(subscription, "events").iter().map(text::shown).collect();
        row["events"] = json!(events.join(" "));
        row["success_rate"] = json!(webhook_stats::percent(&subscription["last_7_days"]["success_rate"]));
        row["attempts"] = subscription["last_7_days"]["attempts"].clone();
        if subscription["verified"] == false {
            row["status"] = json!(format!("{}, not verified", text::shown(&subscription["status"])));
        }
        row
    };
    let rows: Vec<_> = text::rows(answer, "subscriptions").iter().map(row).collect();
    let columns = [
        ("SUBSCRIPTION", "subscription_id"),
        ("ORGANIZATION", "organization_id"),
        ("STATUS", "status"),
        ("SUCCESS, 7 DAYS", "success_rate"),
        ("ATTEMPTS", "attempts"),
        ("EVENTS", "events"),
        ("URL", "url"),
        ("FAILING SINCE", "failing_since"),
    ];
    text::print_table(&rows, &columns)
}

/// The public keys of a subscription.
pub(super) fn print_public_keys(answer: &Value) -> io::Result<()> {
    let columns = [("PUBLIC KEY", "public_key"), ("SIGNS SINCE", "created_at"), ("UNTIL", "expires_at")];
    text::print_table(text::rows(answer, "public_keys"), &columns)
}

/// A call to an endpoint.
pub(super) fn print_call(said: &Value) -> io::Result<()> {
    let response = &said["response"];
    if response.is_null() {
        line("no answer", &text::shown(&said["error_class"]))?;
    } else {
        line("status", &text::shown(&response["status"]))?;
        line("answered", &text::shown(&response["body"]))?;
    }
    if !said["error"].is_null() {
        line("because", &text::shown(&said["error"]))?;
    }
    line("took", &format!("{} ms", said["times"]["total_ms"]))
}

/// Why a subscription gets an event, or does not.
pub(super) fn print_explained(answer: &Value) -> io::Result<()> {
    let words = |field| text::rows(answer, field).iter().map(text::shown).collect::<Vec<_>>().join(", ");
    line("event", &format!("{} {}", text::shown(&answer["event_type"]), text::shown(&answer["event_id"])))?;
    line("is sent", if answer["matched"] == true { "yes" } else { "no" })?;
    if answer["matched"] != true {
        line("because", &words("obstacles"))?;
    }
    line("its types", &words("matching_events"))?;
    if answer["filter"].is_null() { Ok(()) } else { print_condition(&answer["filter"]) }
}

/// A condition of a filter with what was found, or its parts.
fn print_condition(condition: &Value) -> io::Result<()> {
    let held = if condition["held"] == true { "holds" } else { "does not hold" };
    let place = text::shown(&condition["place"]);
    let found = condition.get("found").map_or_else(|| "nothing".to_owned(), text::shown);
    match &condition["condition"] {
        Value::Null => line(held, &place)?,
        written => line(held, &format!("{place}  {}  found {found}", text::shown(written)))?,
    }
    text::rows(condition, "parts").iter().try_for_each(print_condition)
}
