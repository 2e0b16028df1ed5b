//! Handlers and deliveries for the tests.

use std::sync::Arc;

use events_core::{
    Catalog, Delivery, DeliveryId, EventHandler, HandlerError, Limits, Metadata, NewEvent, Seq,
    delivery::Lease,
    ports::{Delivered, RandomIds, SystemClock},
};
use events_slack::{ConfigError, SlackConfig, SlackHandler};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) fn configured(config: Value) -> Result<Option<SlackHandler>, ConfigError> {
    let config: SlackConfig = serde_json::from_value(config).unwrap();
    SlackHandler::from_config(&config, Arc::new(Catalog::embedded()))
}

pub(crate) fn handler(config: Value) -> SlackHandler {
    configured(config).unwrap().unwrap()
}

/// A handler with the default webhook only.
pub(crate) fn with_webhook(url: &str) -> SlackHandler {
    handler(json!({ "webhook_url": url }))
}

pub(crate) fn event(event_type: &str, payload: Value) -> NewEvent {
    NewEvent::new(event_type.parse().unwrap(), payload)
}

pub(crate) fn delivery(target: &str, event: NewEvent) -> Delivery {
    let origin = Metadata { source: "api".into(), environment: "production".into(), ..Metadata::default() };
    let event = event.into_event(&origin, &Limits::default(), &RandomIds, &SystemClock).unwrap();
    Delivery {
        delivery_id: DeliveryId(1),
        lease: Lease(1),
        lease_until: Timestamp::UNIX_EPOCH,
        seq: Seq(1),
        event: Arc::new(event),
        handler: SlackHandler::NAME.into(),
        target: target.into(),
        attempt: 1,
        due_at: Timestamp::UNIX_EPOCH,
        guard: None,
    }
}

/// Handles one event at one target.
pub(crate) async fn handle(
    handler: &SlackHandler,
    target: &str,
    event_type: &str,
    payload: Value,
) -> Result<Delivered, HandlerError> {
    handler.handle(&delivery(target, event(event_type, payload))).await
}

/// Handles a signup, which every handler here has a message for.
pub(crate) async fn signup(handler: &SlackHandler) -> Result<Delivered, HandlerError> {
    handle(handler, "default", "user.signup", json!({ "email": "alice@example.com" })).await
}
