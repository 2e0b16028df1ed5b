//! A row of the application and its event, committed together or not at all.
//!
//! ```console
//! $ DATABASE_URL=postgres://localhost/shop cargo run --package events-postgres --example one_transaction
//! ```

use std::sync::Arc;

use events_core::{
    Event, EventHistory, EventType, Metadata, Payload, Seq,
    ports::{Clock, IdGenerator, RandomIds},
};
use events_postgres::{PgConnectOptions, PgConnection, PgStore};
use sqlx::Connection;

const ORDER_PLACED: EventType = EventType::from_static("order.placed");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL=postgres://user@host/database")?;
    // The tables of events in a schema of their own, those of the application where they are.
    let store = PgStore::open(&format!("{url}?schema=events")).await?;
    let mut connection = PgConnection::connect_with(&url.parse::<PgConnectOptions>()?).await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, item text)")
        .execute(&mut connection)
        .await?;

    for item in ["book", "unicorn"] {
        let mut transaction = connection.begin().await?;
        sqlx::query("INSERT INTO orders (item) VALUES ($1)").bind(item).execute(&mut *transaction).await?;
        let event = order_placed(&store, item)?;
        store.append_in(&mut transaction, &[Arc::new(event)]).await?;
        if item == "unicorn" {
            transaction.rollback().await?; // neither the order nor its event
            println!("no {item} today");
        } else {
            transaction.commit().await?; // both, and routers are woken
            println!("ordered a {item}");
        }
    }

    for stored in store.scan(Seq::START, 100).await? {
        println!("{} {} {}", stored.seq, stored.event.event_type, stored.event.payload.as_str());
    }
    Ok(())
}

fn order_placed(store: &PgStore, item: &str) -> Result<Event, Box<dyn std::error::Error>> {
    let now = store.clock().now();
    Ok(Event {
        event_id: RandomIds.event_id(),
        event_type: ORDER_PLACED,
        event_version: "1.0.0".to_owned(),
        occurred_at: now,
        created_at: now,
        actor: None,
        actor_type: None,
        organization_id: None,
        payload: Payload::from_json(&serde_json::json!({ "item": item }).to_string())?,
        metadata: Metadata { source: "shop".to_owned(), ..Metadata::default() },
        idempotency_key: None,
    })
}
