//! The worker: claims deliveries, has them handled, and settles what came of it.
//!
//! Each handler has a **lane** of its own, so that a slow handler delays no other. A lane claims up
//! to three times what it may handle at once, eight times when that is done quickly, and of a target as much as
//! the handler wants at hand; a lane that waits for work is handed what is routed without a claim. A **settler**
//! shared by all lanes ends claims in batches. No transaction and no lock is held while a handler works.

mod execution;
mod held;
mod lane;
mod room;
mod settler;
mod ticket;
mod turns;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{lane::Lane, settler::Settler, ticket::Returns};
use super::{openings::Openings, wake::Wake};
use crate::{
    delivery::lease_duration,
    ports::{Clock, DeliveryQueue, EventHandler, EventHistory, EventStore},
};

/// Works on the deliveries of its handlers until it is told to stop.
pub(crate) struct Worker {
    store: Arc<dyn EventStore>,
    history: Arc<dyn EventHistory>,
    clock: Arc<dyn Clock>,
    wake: Wake,
    queue: Option<Arc<dyn DeliveryQueue>>,
    name: String,
    lanes: TaskTracker,
    settling: TaskTracker,
    /// No more claims, and what is not begun is handed back.
    stop: CancellationToken,
    /// What is under way is given up.
    abort: CancellationToken,
}

impl Worker {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        history: Arc<dyn EventHistory>,
        clock: Arc<dyn Clock>,
        wake: Wake,
        queue: Option<Arc<dyn DeliveryQueue>>,
        name: String,
    ) -> Self {
        let (lanes, settling) = (TaskTracker::new(), TaskTracker::new());
        Self {
            store,
            history,
            clock,
            wake,
            queue,
            name,
            lanes,
            settling,
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }

    /// Starts a lane for each handler; each takes what it is handed through its opening, too.
    pub(crate) fn start(&self, handlers: &[Arc<dyn EventHandler>], openings: &Openings) {
        let settler = Settler::start(self.store.clone(), self.wake.clone(), &self.settling, self.abort.clone());
        let returns = Returns::start(self.queue.clone(), &self.settling, self.abort.clone());
        for handler in handlers {
            let policy = handler.policy();
            let lane = Lane {
                name: handler.name(),
                store: self.store.clone(),
                history: self.history.clone(),
                clock: self.clock.clone(),
                handler: handler.clone(),
                lease_for: lease_duration(policy.timeout),
                policy,
                worker: self.name.clone(),
                bell: self.wake.lane_bell(&handler.name()),
                opening: openings.of(&handler.name()),
                queue: self.queue.clone(),
                returns: returns.clone(),
                settler: settler.clone(),
                stop: self.stop.clone(),
                abort: self.abort.clone(),
            };
            self.lanes.spawn(lane.run());
        }
    }

    /// Stops claiming, hands back what was not begun, and gives what is under way until `grace`
    /// is over. What is not settled by then becomes due again when its lease ends.
    pub(crate) async fn shut_down(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.stop.cancel();
        self.lanes.close();
        self.settling.close();
        let finished = async {
            self.lanes.wait().await;
            self.settling.wait().await;
        };
        if tokio::time::timeout_at(deadline, finished).await.is_err() {
            tracing::warn!(?grace, "Deliveries under way at the end of the grace period are left to their leases");
            self.abort.cancel();
            self.lanes.wait().await;
            self.settling.wait().await;
        }
    }
}
