//! Wake-ups inside one process: who has new work.
//!
//! A wake-up is a hint and carries no data. Several in a row count as one, and one that comes
//! before anybody waits is kept, so no work is overlooked between a look and a wait.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::Notify;

use crate::delivery::HandlerName;

/// One bell for the router, one for each handler's lane.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wake {
    router: Arc<Notify>,
    lanes: Arc<HashMap<HandlerName, Arc<Notify>>>,
}

impl Wake {
    pub(crate) fn new(handlers: impl IntoIterator<Item = HandlerName>) -> Self {
        let lanes = handlers.into_iter().map(|handler| (handler, Arc::default())).collect();
        Self { router: Arc::default(), lanes: Arc::new(lanes) }
    }

    /// There are unrouted events.
    pub(crate) fn router(&self) {
        self.router.notify_one();
    }

    pub(crate) async fn router_woken(&self) {
        self.router.notified().await;
    }

    /// There may be due deliveries for this handler. A handler without a lane here is somebody else's.
    pub(crate) fn lane(&self, handler: &HandlerName) {
        if let Some(bell) = self.lanes.get(handler) {
            bell.notify_one();
        }
    }

    pub(crate) fn all_lanes(&self) {
        self.lanes.values().for_each(|bell| bell.notify_one());
    }

    pub(crate) fn lane_bell(&self, handler: &HandlerName) -> Arc<Notify> {
        self.lanes.get(handler).cloned().unwrap_or_default()
    }
}
