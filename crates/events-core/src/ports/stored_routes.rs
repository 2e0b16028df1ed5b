//! Routes that lie in the store, beside those that the process was started with.

use std::fmt;

use async_trait::async_trait;

use super::store::StoreError;
use crate::routing::Route;

/// Which state of the stored routes: grows with every change that concerns routing, whoever makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutesVersion(pub i64);

impl fmt::Display for RoutesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads routes that were made while the system runs: those of webhook subscriptions.
///
/// Routers learn of a change by the version that comes with the events to route
/// ([`EventStore::unrouted`](super::EventStore::unrouted)): a change that was answered before an event was published
/// holds for that event, in every process.
#[async_trait]
pub trait StoredRoutes: Send + Sync {
    /// All of them with their version, as of one moment, in the order in which they were made.
    ///
    /// A stored route that cannot be read is left out and logged, so that it stops no other.
    async fn stored_routes(&self) -> Result<(RoutesVersion, Vec<Route>), StoreError>;
}

const _: Option<&dyn StoredRoutes> = None; // usable as a trait object
