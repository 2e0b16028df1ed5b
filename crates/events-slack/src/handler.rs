//! The handler: finds the message and the destination of a delivery, sends, and judges the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use events_core::{
    Catalog, Clock, Delivery, EventHandler, EventType, HandlerError, HandlerName, RetryPolicy, Target,
    delivery::{ErrorClass, Pacing},
    ports::{Delivered, HandlerPolicy, SystemClock},
    routing::Route,
};

use crate::{
    answer,
    book::{Book, DEFAULT_TARGET, MessageTemplate},
    client::{self, Client},
    config::{ConfigError, SlackConfig},
    destination::{Destination, Destinations, Resolved},
    digest::{self, Item},
    fields::{Fields, FillError, Found},
    message::Message,
};

type Outcome = Result<Delivered, HandlerError>;

/// Tells Slack channels what happened (R020).
///
/// Built from a [`SlackConfig`]; its [`routes`](Self::routes) belong in the routing table.
pub struct SlackHandler {
    catalog: Arc<Catalog>,
    book: Book,
    destinations: Destinations,
    client: Client,
    stood_in: AtomicU64,
}

impl SlackHandler {
    /// The name in routes, deliveries and attempts.
    pub const NAME: &'static str = "slack";

    /// The handler of a configuration; `None` when that names no destination (R041), after the
    /// templates have been checked all the same.
    ///
    /// # Errors
    /// [`ConfigError`] that names the key and what is allowed, and never a secret.
    pub fn from_config(config: &SlackConfig, catalog: Arc<Catalog>) -> Result<Option<Self>, ConfigError> {
        let book = Book::new(config, &catalog)?;
        let Some(destinations) = Destinations::new(config)? else { return Ok(None) };
        let handler = Self { catalog, book, destinations, client: Client::new()?, stood_in: AtomicU64::new(0) };
        let unreachable = handler.book.entries().filter(|(target, _)| handler.destinations.resolve(target).is_none());
        let unreachable: Vec<_> =
            unreachable.map(|(target, event_type)| format!("{event_type} for {target}")).collect();
        if !unreachable.is_empty() {
            tracing::warn!(
                messages = unreachable.join(", "),
                "Slack has no destination for some messages; set slack.webhook_url, slack.bot_token or slack.channels"
            );
        }
        Ok(Some(handler))
    }

    /// One route for each event type and target that has a message and a destination. The
    /// target is the channel (`#signups`) or `default`; other types lead nowhere (R033).
    ///
    /// A type whose channel has no destination of its own goes to the target `default`, so that
    /// everything sent to the default webhook keeps to one rate and one pause.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let route = |(target, event_type): (&str, &EventType)| {
            let resolved = self.destinations.resolve(target)?;
            let stood_in = resolved.stands_in_for.is_some() && self.book.channel(event_type) == Some(target);
            let target = if stood_in { DEFAULT_TARGET } else { target };
            Some(Route::new(self.name(), target, [event_type.clone()]))
        };
        self.book.entries().filter_map(route).collect()
    }

    /// How many messages for a channel without a destination of its own went to the default
    /// webhook since the start (`slack_route_fallback_total`).
    #[must_use]
    pub fn route_fallbacks(&self) -> u64 {
        self.stood_in.load(Ordering::Relaxed)
    }

    /// The message of a delivery, or what becomes of the delivery without one.
    fn compose(&self, delivery: &Delivery) -> Result<Item, Outcome> {
        let emitted = &delivery.event.event_type;
        let canonical = self.catalog.canonical(emitted);
        let Some(template) = self.book.message(delivery.target.as_str(), canonical) else {
            return Err(Ok(Delivered::dropped(format!("{emitted} has no Slack template for {}", delivery.target))));
        };
        let fields = Fields::of(&delivery.event);
        let mut message = template.render(&fields).map_err(|error| Err(unfilled(emitted, &error)))?;
        let own_channel = self.book.channel(canonical).filter(|channel| *channel != DEFAULT_TARGET);
        if let (DEFAULT_TARGET, Some(channel)) = (delivery.target.as_str(), own_channel) {
            self.name_channel(channel, &mut message);
        }
        Ok(Item { event_type: canonical.clone(), message, amounts: amounts(template, &fields) })
    }

    /// Says where a message should have gone, where the default webhook stands in.
    fn name_channel(&self, channel: &str, message: &mut Message) {
        self.stood_in.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(channel, "the default Slack webhook stands in for a channel without a destination");
        message.text = format!("[{channel}] {}", message.text);
    }

    /// Sends a message to a target and judges the answer.
    async fn send(&self, target: &Target, mut message: Message) -> Outcome {
        let Some(Resolved { destination, stands_in_for }) = self.destinations.resolve(target.as_str()) else {
            let message = format!("no Slack destination is configured for {target}");
            return Err(HandlerError::fail(ErrorClass::new("no_destination"), message));
        };
        if let Some(channel) = stands_in_for {
            self.name_channel(channel, &mut message);
        }
        let body = message.body(destination.channel()).map_err(|error| {
            HandlerError::fail(ErrorClass::new("template"), format!("the message is no JSON: {error}"))
        })?;
        let answer = self.client.post(destination, body).await?;
        let now = SystemClock.now();
        match destination {
            Destination::Webhook(_) => answer::of_webhook(&answer, now),
            Destination::Bot(..) => answer::of_bot(&answer, now),
        }
    }

    /// Sends one digest of several messages.
    async fn send_digest(&self, target: &Target, items: &[Item]) -> Outcome {
        let delivered = self.send(target, Message::plain(digest::text(items))).await?;
        let note = format!("digest of {}", items.len());
        let note = delivered.response.as_ref().map_or(note.clone(), |response| format!("{note}; {response}"));
        Ok(delivered.with_response(note))
    }
}

#[async_trait]
impl EventHandler for SlackHandler {
    fn name(&self) -> HandlerName {
        Self::NAME.into()
    }

    /// Ten seconds (R023), and one message a second for each target: above that, Slack accepts
    /// messages and hides them. What piles up beyond five becomes a digest.
    fn policy(&self) -> HandlerPolicy {
        let pacing = Pacing { interval: Duration::from_secs(1), burst: 3, digest_over: 5, digest_max: 50 };
        HandlerPolicy {
            timeout: client::TIMEOUT,
            retry: RetryPolicy::default(),
            pacing: Some(pacing),
            // A target that hangs holds up to 13 calls: its burst, and one a second until the timeout.
            // Calls cost little, so many targets may hang before another waits for its turn.
            concurrency: 256,
        }
    }

    async fn handle(&self, delivery: &Delivery) -> Outcome {
        match self.compose(delivery) {
            Ok(item) => self.send(&delivery.target, item.message).await,
            Err(outcome) => outcome,
        }
    }

    /// Those that have no message get their own result; the others become one message and
    /// share its result. A single one is sent as it is.
    async fn handle_digest(&self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let Some(first) = deliveries.first() else { return Vec::new() };
        let mut items = Vec::new();
        let mut own = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match self.compose(delivery) {
                Ok(item) => {
                    items.push(item);
                    own.push(None);
                }
                Err(outcome) => own.push(Some(outcome)),
            }
        }
        let shared = match items.as_slice() {
            [] => return own.into_iter().flatten().collect(),
            [single] => self.send(&first.target, single.message.clone()).await,
            several => self.send_digest(&first.target, several).await,
        };
        own.into_iter().map(|own| own.unwrap_or_else(|| shared.clone())).collect()
    }
}

/// A template that cannot be filled: no further try can help (R034).
fn unfilled(event_type: &EventType, error: &FillError) -> HandlerError {
    HandlerError::fail(ErrorClass::new("template"), format!("the template of {event_type} {error}"))
}

/// The numbers that a template shows with thousands separators; `None` for one that is not whole.
fn amounts(template: &MessageTemplate, fields: &Fields<'_>) -> Vec<(String, Option<i128>)> {
    let whole = |name: &str| match fields.get(name) {
        Some(Found::Number(token)) => token.parse().ok(),
        _ => None,
    };
    template.text.amounts().map(|name| (name.to_owned(), whole(name))).collect()
}

impl std::fmt::Debug for SlackHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SlackHandler").field("destinations", &self.destinations).finish_non_exhaustive()
    }
}
