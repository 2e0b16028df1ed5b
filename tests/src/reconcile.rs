//! The reckoning: what was published, what is stored, what became of it, and what arrived.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::{Api, Published, Receiver};

/// Questions under way at the same time.
const AT_ONCE: usize = 8;

/// What came of it, where nothing was lost. Shown as figures.
#[derive(Debug)]
pub struct Reconciled {
    /// Events, each stored once, told at least once and with one final state.
    pub events: usize,
    /// Events that were told more than once in accepted messages, with how often.
    pub duplicates: Vec<(u64, usize)>,
    /// Messages, accepted or not.
    pub messages: usize,
    /// Attempts by outcome.
    pub attempts: BTreeMap<String, usize>,
}

impl Reconciled {
    /// Attempts with this outcome.
    #[must_use]
    pub fn attempts(&self, outcome: &str) -> usize {
        self.attempts.get(outcome).copied().unwrap_or(0)
    }
}

/// Waits until everything is processed, at most `limit`, and compares.
///
/// # Panics
/// When an acknowledged event is not stored as it was acknowledged, or twice, or was not told; when a delivery has not
/// ended well, or not with exactly one final attempt, its last.
pub async fn reconcile(api: &Api, receiver: &Receiver, published: &Published, limit: Duration) -> Reconciled {
    api.all_processed(limit).await;
    let events = api.events().await;
    let mut stored = BTreeMap::new();
    for event in &events {
        let number = event["payload"]["n"].as_u64().expect("an event has a number");
        let id = event["event_id"].as_str().expect("an event has an id");
        assert_eq!(stored.insert(number, id.to_owned()), None, "event {number} is stored twice");
    }
    assert_eq!(stored, published.ids, "acknowledged and stored are the same");

    for state in ["pending", "leased", "dead", "dropped"] {
        assert!(api.deliveries(state).await.is_empty(), "{state}");
    }
    let deliveries = api.deliveries("succeeded").await;
    let ids: BTreeSet<_> = deliveries.iter().map(|delivery| delivery["delivery_id"].to_string()).collect();
    let of_events: BTreeSet<_> = deliveries.iter().filter_map(|delivery| delivery["event_id"].as_str()).collect();
    assert_eq!((deliveries.len(), ids.len(), of_events.len()), (events.len(), events.len(), events.len()));
    let attempts = attempts(api, deliveries).await;

    let ledger = receiver.ledger();
    let told = ledger.accepted();
    let lost: Vec<_> = stored.keys().filter(|number| !told.contains_key(number)).collect();
    assert!(lost.is_empty(), "stored and never told: {lost:?}");
    let duplicates = told.into_iter().filter(|(_, count)| *count > 1).collect();
    Reconciled { events: events.len(), duplicates, messages: ledger.0.len(), attempts }
}

/// The attempts at all deliveries by outcome.
async fn attempts(api: &Api, deliveries: Vec<Value>) -> BTreeMap<String, usize> {
    let share = deliveries.len().div_ceil(AT_ONCE).max(1);
    let mut asking = JoinSet::new();
    for share in deliveries.chunks(share) {
        let (api, share) = (api.clone(), share.to_vec());
        asking.spawn(async move {
            let mut outcomes = Vec::new();
            for delivery in share {
                let attempts = api.attempts(&delivery).await;
                let finals: Vec<_> = attempts.iter().map(|attempt| attempt["final"] == true).collect();
                let ended = finals.iter().filter(|is_final| **is_final).count();
                assert!(ended == 1 && finals.last() == Some(&true), "one final attempt, the last: {attempts:?}");
                outcomes.extend(attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap_or("?").to_owned()));
            }
            outcomes
        });
    }
    let mut counts = BTreeMap::new();
    for outcome in asking.join_all().await.concat() {
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

impl fmt::Display for Reconciled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, duplicates, messages, attempts } = self;
        write!(f, "{events} events in {messages} messages, 0 lost, {} told more than once", duplicates.len())?;
        attempts.iter().try_for_each(|(outcome, count)| write!(f, ", {count} {outcome}"))
    }
}
