//! A load: publishers that go on while something happens, and do not give up.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

use crate::{
    Api, numbered,
    wait::{PATIENCE, eventually},
};

/// Between two publishes of one publisher: many events, and time for the faults that are tested.
const PACE: Duration = Duration::from_millis(20);

/// Publishers that are at work. Each publishes one event after the other, and what is not acknowledged again, with the
/// same idempotency key, until it is.
pub struct Load {
    shared: Arc<Shared>,
    api: watch::Sender<Api>,
    publishers: JoinSet<Published>,
}

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

/// What was published.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// The acknowledged events' ids by their numbers, which begin with 0 and have no gaps.
    pub ids: BTreeMap<u64, String>,
    /// Tries that were answered with 503, or not at all.
    pub failed: usize,
    /// Events that were stored by such a try all the same, and found by their key at the next one.
    pub found: usize,
}

impl Load {
    /// Begins to publish numbered events, spread over this many channels.
    #[must_use]
    pub fn start(api: Api, publishers: usize, channels: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let (api, current) = watch::channel(api);
        let publishers = (0..publishers).map(|_| publish(shared.clone(), current.clone(), channels)).collect();
        Self { shared, api, publishers }
    }

    /// From now on, tries go to this server.
    pub fn use_api(&self, api: Api) {
        self.api.send_replace(api);
    }

    /// How many events are acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Relaxed)
    }

    /// Waits until this many more are acknowledged.
    pub async fn more(&self, events: u64) {
        let enough = self.acknowledged() + events;
        let what = format!("{events} more events to be acknowledged");
        eventually(&what, 2 * PATIENCE, async || (self.acknowledged() >= enough).then_some(())).await;
    }

    /// Publishes nothing new, and answers when all that was begun is acknowledged.
    pub async fn end(self) -> Published {
        self.shared.is_over.store(true, Relaxed);
        let mut all = Published::default();
        for published in self.publishers.join_all().await {
            all.ids.extend(published.ids);
            all.failed += published.failed;
            all.found += published.found;
        }
        all
    }
}

async fn publish(shared: Arc<Shared>, api: watch::Receiver<Api>, channels: usize) -> Published {
    let mut published = Published::default();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !shared.is_over.load(Relaxed) {
        let number = shared.next.fetch_add(1, Relaxed);
        let channel = usize::try_from(number).expect("numbers are small") % channels;
        let (event, began) = (numbered(channel, number), Instant::now());
        let mut tries = 0;
        let answer = loop {
            pace.tick().await;
            assert!(began.elapsed() < 2 * PATIENCE, "event {number} is not acknowledged after {tries} tries");
            tries += 1;
            let current = api.borrow().clone();
            // A server that was killed does not answer.
            let Ok(answer) = current.try_publish(&event).await else { continue };
            if answer.status != 503 {
                break answer;
            }
        };
        assert!(answer.status == 201 || answer.status == 200 && tries > 1, "event {number}, try {tries}: {answer:?}");
        let id = answer.body["event_id"].as_str().expect("an acknowledged event has an id");
        published.ids.insert(number, id.to_owned());
        published.failed += tries - 1;
        published.found += usize::from(answer.status == 200);
        shared.acknowledged.fetch_add(1, Relaxed);
    }
    published
}
