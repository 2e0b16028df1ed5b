//! Webhook subscriptions: customers' endpoints, and which events they are told of.
//!
//! A subscription is a target of the handler [`HANDLER`], and a route that lies in the store
//! ([`StoredRoutes`](crate::ports::StoredRoutes)): whoever may change subscriptions changes who learns of an event,
//! without a restart.
//!
//! | subscription | deliveries |
//! |---|---|
//! | enabled | are made, and sent |
//! | paused | are made, and held: its target rests ([`TargetStates`](crate::ports::TargetStates)) |
//! | disabled, or its ownership challenge is unanswered | are not made |
//!
//! **Invariant:** nothing here knows HTTP, cryptography or a store. Secrets and headers come sealed and stay sealed.

mod check;
mod ids;
mod replay;
mod sealed;
mod subscription;
mod words;

pub use check::InvalidSubscription;
pub use ids::{ReplayId, SecretId, SubscriptionId};
pub use replay::{Replay, ReplayKind, ReplayState, Selection};
pub use sealed::{Sealed, SealedHeader, WebhookSecret};
pub use subscription::{Format, RateLimit, Scheme, Status, Subscription, route};

/// The name of the handler that sends webhooks, in routes, deliveries and attempts.
pub const HANDLER: &str = "webhooks";
