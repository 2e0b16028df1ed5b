//! Notifications are few: each commit with one holds up the others, so most events are told of together.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events_core::{
    Delivery, Engine, EngineOptions, EventStore, NewEvent, Payload,
    ports::RoutedEvent,
    testkit::{at, claim, delivery, handed_back},
};
use sqlx::{AssertSqlSafe, Executor, postgres::PgListener};

use crate::support::{Place, events, url};

/// The least time between two notifications of a store.
const SPACING: Duration = Duration::from_millis(5);

/// What a store notifies of, and how many commits it needs to publish.
struct Counting {
    place: Place,
    store: Arc<events_postgres::PgStore>,
    listener: PgListener,
    channel: String,
    /// Given back at the end: the last thing that the store tells.
    last: Delivery,
    since: Instant,
}

/// What was counted.
#[derive(Debug)]
struct Counted {
    notifications: u128,
    commits: i64,
    /// As many as fit into the time that it took, at most.
    spaced: u128,
}

impl Counting {
    async fn start() -> Self {
        let place = Place::new().await;
        let store = Arc::new(place.schema.open().await);
        store.append(events(1)).await.unwrap();
        let seq = store.unrouted(1).await.unwrap().events[0].seq;
        let plan = RoutedEvent { seq, deliveries: vec![delivery("slack", "#general")], cancellations: Vec::new() };
        store.route(vec![plan], at(0)).await.unwrap();
        let last = store.claim(claim("slack").build()).await.unwrap().remove(0);
        let count = "CREATE TABLE commits (number bigint GENERATED ALWAYS AS IDENTITY);
             CREATE FUNCTION count_commit() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
             BEGIN
                 INSERT INTO commits DEFAULT VALUES;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER count_commit BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION count_commit();";
        place.connection().await.execute(count).await.unwrap();
        let channel = format!("events_{}", store.schema());
        let mut listener = PgListener::connect(&url()).await.unwrap();
        listener.listen(&channel).await.unwrap();
        Self { place, store, listener, channel, last, since: Instant::now() }
    }

    /// Waits for what the store has to tell, and counts how often it has told of new events.
    async fn end(mut self) -> Counted {
        self.store.settle(vec![handed_back(&self.last, at(1))]).await.unwrap();
        let (mut notifications, mut took) = (0, None);
        loop {
            let notification = self.listener.recv().await.unwrap();
            match notification.payload() {
                "end" => break,
                payload if payload.ends_with(" outbox") => notifications += 1,
                payload => {
                    // What comes with it in one commit may be behind it, and is before what is sent now.
                    assert!(payload.ends_with(" handler/slack") && took.is_none(), "{payload}");
                    took = Some(self.since.elapsed());
                    let end = AssertSqlSafe(format!("NOTIFY {}, 'end'", self.channel));
                    self.place.connection().await.execute(end).await.unwrap();
                }
            }
        }
        let commits = "SELECT count(*) FROM commits";
        let commits = sqlx::query_scalar(commits).fetch_one(&mut self.place.connection().await).await.unwrap();
        Counted { notifications, commits, spaced: took.unwrap().as_nanos() / SPACING.as_nanos() + 1 }
    }
}

#[track_caller]
fn check(counted: &Counted) {
    assert!(counted.notifications > 0, "nobody was told: {counted:?}");
    assert!(counted.notifications <= counted.commits.try_into().unwrap(), "one for each commit at most: {counted:?}");
    assert!(counted.notifications <= counted.spaced, "one in 5 ms at most: {counted:?}");
}

#[tokio::test]
async fn events_of_one_call_are_told_of_once() {
    let counting = Counting::start().await;
    counting.store.append(events(500)).await.unwrap();
    let counted = counting.end().await;
    assert_eq!((counted.notifications, counted.commits), (1, 1));
}

#[tokio::test]
async fn many_that_publish_through_one_process_share_commits_and_notifications() {
    let counting = Counting::start().await;
    let store = Arc::clone(&counting.store);
    let options = EngineOptions { commits_at_once: store.commits_at_once(), ..EngineOptions::default() };
    let engine = Engine::builder(store.clone(), store).publishing_only().options(options).start();
    let mut publishing = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let publisher = engine.publisher();
        publishing.spawn(async move {
            publisher.publish(NewEvent::new("user.signup".parse().unwrap(), Payload::empty())).await.unwrap()
        });
    }
    publishing.join_all().await;
    let counted = counting.end().await;
    check(&counted);
    assert!(counted.commits < 100, "{counted:?}");
}

/// Each of them commits alone, so only time brings their notifications together.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_follow_each_other_closely_are_told_of_together() {
    let counting = Counting::start().await;
    let mut publishing = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let store = Arc::clone(&counting.store);
        publishing.spawn(async move { store.append(events(1)).await.unwrap() });
    }
    publishing.join_all().await;
    let counted = counting.end().await;
    assert_eq!(counted.commits, 200);
    check(&counted);
}

#[tokio::test]
async fn one_that_publishes_again_and_again_notifies_every_5_ms_at_most() {
    let counting = Counting::start().await;
    for _ in 0..200 {
        counting.store.append(events(1)).await.unwrap();
    }
    let counted = counting.end().await;
    assert_eq!(counted.commits, 200);
    check(&counted);
}

/// What follows closely is told of later, and not never.
#[tokio::test]
async fn nothing_is_forgotten_in_between() {
    let mut counting = Counting::start().await;
    for _ in 0..20 {
        counting.store.append(events(1)).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(60), counting.listener.recv()).await;
        let told = told.expect("the store tells of each event").unwrap();
        assert!(told.payload().ends_with(" outbox"), "{told:?}");
    }
    let counted = counting.end().await;
    assert_eq!((counted.notifications, counted.commits), (0, 20), "each was told of once");
}
