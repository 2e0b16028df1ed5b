//! An application with the event system inside: a store in a file, and a handler of its own.
//!
//! `cargo run --package events-sqlite --example embedded`

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use events_core::{
    Delivery, Engine, EventHandler, HandlerError, HandlerName, NewEvent, Pattern, ports::Delivered, routing::Route,
    types,
};
use events_sqlite::SqliteStore;
use serde_json::json;

/// Prints what it is told.
struct Print;

#[async_trait]
impl EventHandler for Print {
    fn name(&self) -> HandlerName {
        "print".into()
    }

    async fn handle(&self, delivery: &Delivery) -> Result<Delivered, HandlerError> {
        println!("{} {} {}", delivery.target, delivery.event.event_type, delivery.event.payload.as_str());
        Ok(Delivered::default())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?; // an application has a place for its data
    let store = Arc::new(SqliteStore::open(directory.path().join("events.db")).await?);
    let routes = [
        Route::new("print".into(), "everything", [Pattern::All]),
        Route::new("print".into(), "billing", ["billing.*".parse::<Pattern>()?]),
    ];
    let engine = Engine::builder(store.clone(), store.clone()).handler(Arc::new(Print), routes).start();
    events_core::install(engine.emitter())?;

    // Anywhere in the application: returns at once, and never fails.
    events_core::emit(NewEvent::new(types::USER_SIGNUP, json!({ "email": "alice@example.com" })));

    // Where the event must not be lost: durable when it returns.
    let paid = NewEvent::new(types::BILLING_PAYMENT_RECEIVED, json!({ "amount": 4900, "currency": "usd" }))
        .organization("org_acme")
        .idempotency_key("payment 17");
    let published = engine.publisher().publish(paid).await?;
    println!("published {}", published.event.event_type);

    tokio::time::sleep(Duration::from_millis(200)).await; // an application has other things to do
    engine.shut_down(Duration::from_secs(20)).await;
    store.close().await;
    Ok(())
}
