//! The ports: what the core asks of the world, and what an adapter promises its caller.
//!
//! Each trait is object safe, because adapters are chosen when the process starts, and has
//! at most ten methods that an adapter must write. What a method promises is written on the method and tried by a test
//! of the same words in `testkit::contract`; an adapter is finished when those tests pass.
//!
//! **Invariant:** no port knows a transaction, a connection or a row. Whoever wants to store
//! an event together with rows of an application uses the adapter's own `append_in`.

mod api_keys;
mod clock;
mod handler;
mod history;
mod leadership;
mod offers;
mod places;
mod queue;
mod replays;
mod statistics;
mod store;
mod stored_routes;
mod targets;
mod webhook_subscriptions;

pub use api_keys::{ApiKey, ApiKeys, KeyHash, Scope};
pub(crate) use clock::to_micros;
pub use clock::{Clock, IdGenerator, RandomIds, SystemClock};
pub use handler::{
    Advice, Delivered, EventHandler, HandlerError, HandlerPolicy, TargetLimit, TargetLimits, TargetPolicy,
};
pub use history::{
    AttemptRecord, DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, Depth, EventDetail, EventHistory, Page,
    PageRequest, TimelineQuery,
};
pub use leadership::Leadership;
pub use offers::offered;
pub use queue::{DeliveryQueue, QueueError, Receipt, Received, Reference};
pub use replays::{ReplayEnd, ReplayQuery, ReplayStep, Replays, Resend, ResendOutcome, Resent};
pub use statistics::{
    Counted, CountingStep, Position, Statistics, StatisticsOf, StatisticsQuery, SubscriptionCounts, Uncounted,
};
pub use store::{
    Allowances, Appended, ClaimRequest, EventStore, Leased, NewDelivery, PruneRequest, Pruned, RedriveFilter,
    RouteSummary, Routed, RoutedEvent, SettleSummary, StoreError, Unrouted,
};
pub use stored_routes::{RoutesVersion, StoredRoutes};
pub use targets::{TargetState, TargetStates};
pub use webhook_subscriptions::{SubscriptionQuery, Updated, WebhookSubscriptions};

#[cfg(any(test, feature = "mocks"))]
pub use handler::MockEventHandler;
#[cfg(any(test, feature = "mocks"))]
pub use queue::MockDeliveryQueue;
#[cfg(any(test, feature = "mocks"))]
pub use store::MockEventStore;
