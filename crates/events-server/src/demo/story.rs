//! One customer's story, from signup to churn.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::{Server, receiver::Receiver};
use crate::cli::{say, story};

/// No message takes longer: the channel takes one a second, and messages are sent one by one.
const PATIENCE: Duration = Duration::from_secs(20);

struct Chapter {
    title: &'static str,
    event_type: &'static str,
    payload: Value,
}

fn chapters() -> Vec<Chapter> {
    let chapter = |title, event_type, payload| Chapter { title, event_type, payload };
    let email = "alice@example.com";
    vec![
        chapter("Alice signs up", "user.signup", json!({ "email": email })),
        chapter(
            "Her account comes through a referral",
            "auth.user_signed_up",
            json!({ "email": email, "name": "Alice", "signupMethod": "google", "referralSource": "referral" }),
        ),
        chapter("She sets up an importer", "importer.created", json!({ "email": email, "importer_name": "Customers" })),
        chapter("Her first import", "user.first_import", json!({ "email": email, "importer_name": "Customers" })),
        chapter(
            "It brings in 1,250 rows",
            "import.completed",
            json!({ "email": email, "importer_name": "Customers", "row_count": 1250 }),
        ),
        chapter("She subscribes", "subscription.started", json!({ "email": email, "plan": "pro" })),
        chapter(
            "An import fails",
            "import.failed",
            json!({ "email": email, "importer_name": "Orders", "error": "row 17: <no such date>" }),
        ),
        chapter(
            "A payment fails",
            "billing.payment_failed",
            json!({ "amount": 4900, "currency": "usd", "error": "card_declined", "customerEmail": email }),
        ),
        chapter("Billing tells the team", "subscription.payment_failed", json!({ "email": email })),
        chapter("She leaves", "subscription.cancelled", json!({ "email": email, "plan": "pro" })),
    ]
}

/// Publishes each chapter and shows what the team is told.
pub(super) async fn tell(server: &Server, slack: &mut Receiver) -> anyhow::Result<()> {
    let mut first = None;
    for Chapter { title, event_type, payload } in chapters() {
        say(format_args!("\n{title}"))?;
        let event = json!({
            "event_type": event_type, "payload": payload, "actor": "user_alice", "actor_type": "user",
            "organization_id": "org_acme", "metadata": { "source": "demo" },
        });
        let published = server.publish(&event).await?;
        say(format_args!("  published        {event_type} {payload}"))?;
        let received = tokio::time::timeout(PATIENCE, slack.next()).await;
        say(format_args!("  {}", received.context("no message arrived; the log above says why")?))?;
        first.get_or_insert(published);
    }
    let event_id = first.as_ref().and_then(|event| event["event_id"].as_str()).unwrap_or_default();
    say("\nThe timeline of the first event")?;
    say(story(&settled(server, event_id).await?))?;
    Ok(())
}

/// The event once its deliveries are settled, which is moments after the message arrived.
async fn settled(server: &Server, event_id: &str) -> anyhow::Result<Value> {
    let settled = async {
        loop {
            let event = server.event(event_id).await?;
            if event["processed"] == true {
                return Ok(event);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.context("the event was not settled")?
}
