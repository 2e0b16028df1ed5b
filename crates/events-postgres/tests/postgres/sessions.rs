//! Sessions of the store: each has its limits, whoever hands them out and whatever the server is set to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use events_core::{
    EventHistory, EventStore, Seq, StoreError,
    ports::{Clock, TimelineQuery},
};
use events_postgres::{OpenError, PgConnectOptions, PgOptions, PgStore};
use jiff::SignedDuration;
use sqlx::{Connection, Executor};
use tokio::{
    io::copy,
    net::{TcpListener, TcpStream},
};

use crate::{
    partitions::{BLOCK, go_on_at, routed},
    pooler,
    support::{Place, Schema, address, events, log, message, send, url},
};

/// Soon over, and still long enough for all that goes well.
const SHORT: Duration = Duration::from_secs(1);

/// From now on, sessions that publish and sessions that read write down their settings.
async fn write_down_settings(schema: &Schema) {
    let text = "CREATE TABLE seen (who text, name text, setting text);
         CREATE FUNCTION note(who text) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
         BEGIN
             INSERT INTO seen SELECT who, name, setting FROM pg_settings;
             RETURN true;
         END $$;
         CREATE FUNCTION note_publisher() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
         BEGIN
             PERFORM note('publisher');
             RETURN NULL;
         END $$;
         CREATE TRIGGER note_publisher BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION note_publisher();
         ALTER VIEW event_states RENAME TO states;
         CREATE VIEW event_states AS SELECT * FROM states WHERE note('reader');";
    schema.connection().await.execute(text).await.unwrap();
}

/// What was written down about `who`, of these settings.
async fn settings(schema: &Schema, who: &str, names: &[&str]) -> Vec<String> {
    let text = "SELECT DISTINCT name || '=' || setting FROM seen WHERE who = $1 AND name = ANY ($2) ORDER BY 1";
    sqlx::query_scalar(text).bind(who).bind(names).fetch_all(&mut schema.connection().await).await.unwrap()
}

const LIMITS: [&str; 3] = ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"];
const PLANS: [&str; 4] = ["enable_mergejoin", "enable_seqscan", "jit", "plan_cache_mode"];

/// Lets a publisher and a reader of `store` write down their settings, and says which limits they have.
async fn limits(store: &PgStore, schema: &Schema) -> (Vec<String>, Vec<String>) {
    write_down_settings(schema).await;
    store.append(events(1)).await.unwrap();
    store.timeline(TimelineQuery::default()).await.unwrap();
    (settings(schema, "publisher", &LIMITS).await, settings(schema, "reader", &LIMITS).await)
}

/// In milliseconds, as PostgreSQL counts them.
fn told(idle: u32, lock: u32, statement: u32) -> Vec<String> {
    let of = LIMITS.iter().zip([idle, lock, statement]);
    of.map(|(name, milliseconds)| format!("{name}={milliseconds}")).collect()
}

#[tokio::test]
async fn sessions_have_the_limits_that_are_documented() {
    let place = Place::new().await;
    let (publisher, reader) = limits(&place.store, &place.schema).await;
    assert_eq!(publisher, told(60_000, 10_000, 30_000));
    assert_eq!(reader, publisher);
    let plans = settings(&place.schema, "publisher", &PLANS).await;
    assert_eq!(plans, ["enable_mergejoin=off", "enable_seqscan=off", "jit=off", "plan_cache_mode=force_generic_plan"]);
    let plans = settings(&place.schema, "reader", &PLANS).await;
    assert_eq!(plans, ["enable_mergejoin=on", "enable_seqscan=on", "jit=off", "plan_cache_mode=auto"]);
}

#[tokio::test]
async fn sessions_have_the_limits_that_are_asked_for() {
    let schema = Schema::new();
    let seconds = Duration::from_secs;
    let options = schema.options().statement_timeout(seconds(7)).lock_timeout(seconds(6));
    let store = PgStore::open_with(options.idle_in_transaction_timeout(seconds(5))).await.unwrap();
    let (publisher, reader) = limits(&store, &schema).await;
    assert_eq!(publisher, told(5_000, 6_000, 7_000));
    assert_eq!(reader, publisher);
}

/// Its sessions are nobody's, so each transaction says again what it needs.
#[tokio::test]
async fn limits_hold_behind_a_pooler() {
    let (address, _servers) = pooler::pooler(3, address().await).await;
    let schema = Schema::new();
    let store = pooler::open(address, &schema).await;
    let (publisher, reader) = limits(&store, &schema).await;
    assert_eq!(publisher, told(60_000, 10_000, 30_000));
    assert_eq!(reader, publisher);
    store.close().await;
}

/// What says that PostgreSQL undid a statement, and why.
#[track_caller]
fn check_undone<T: std::fmt::Debug>(answer: Result<T, StoreError>, why: &str) {
    match answer {
        Err(StoreError::Unavailable(text)) if text.contains(why) => {}
        other => panic!("expected to be told of {why:?}: {other:?}"),
    }
}

#[tokio::test]
async fn a_publish_that_takes_too_long_is_undone_and_says_so() {
    let place = Place::new().await;
    let store = PgStore::open_with(place.schema.options().statement_timeout(SHORT)).await.unwrap();
    let stuck = "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             PERFORM pg_sleep(600);
             RETURN NULL;
         END $$;
         CREATE TRIGGER stuck AFTER INSERT ON events_from_0 FOR EACH ROW EXECUTE FUNCTION stuck();";
    let mut connection = place.connection().await;
    connection.execute(stuck).await.unwrap();
    check_undone(store.append(events(2)).await, "statement timeout");
    connection.execute("DROP TRIGGER stuck ON events_from_0").await.unwrap();
    assert_eq!(log(&store).await, []);
    store.append(events(2)).await.unwrap();
    assert_eq!(log(&store).await.len(), 2, "its connections work as before");
}

#[tokio::test]
async fn a_reader_that_takes_too_long_or_waits_too_long_is_told_so() {
    let place = Place::new().await;
    place.store.append(events(1)).await.unwrap();
    let (hasty, impatient) = (place.schema.options().statement_timeout(SHORT), place.schema.options());
    let hasty = PgStore::open_with(hasty).await.unwrap();
    let impatient = PgStore::open_with(impatient.lock_timeout(SHORT)).await.unwrap();
    let mut connection = place.connection().await;
    let mut holder = connection.begin().await.unwrap();
    holder.execute("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
    check_undone(hasty.timeline(TimelineQuery::default()).await, "statement timeout");
    check_undone(impatient.timeline(TimelineQuery::default()).await, "lock timeout");
    holder.rollback().await.unwrap();
    assert_eq!(hasty.timeline(TimelineQuery::default()).await.unwrap().items.len(), 1);
}

/// A way to the server on which a process is frozen in the middle of a transaction, as by SIGSTOP: its connection
/// stays, and nothing comes any more.
struct Freezer {
    at: SocketAddr,
    before: Before,
}

/// A word of the statement before which it is frozen.
type Before = Arc<Mutex<Option<&'static str>>>;

impl Freezer {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, before) = (listener.local_addr().unwrap(), Before::default());
        let (server, word) = (address().await, Arc::clone(&before));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass_on(client, server, Arc::clone(&word)));
            }
        });
        Self { at, before }
    }

    /// From now on.
    fn freeze_before(&self, word: &'static str) {
        *self.before.lock().unwrap() = Some(word);
    }

    fn thaw(&self) {
        *self.before.lock().unwrap() = None;
    }

    fn options(&self, schema: &Schema) -> PgOptions {
        let connect = url().parse::<PgConnectOptions>().unwrap().host("127.0.0.1").port(self.at.port());
        let connect = connect.ssl_mode(sqlx::postgres::PgSslMode::Disable);
        PgOptions::new(connect).schema(&schema.0).idle_in_transaction_timeout(SHORT)
    }
}

async fn pass_on(client: TcpStream, server: TcpStream, before: Before) -> Option<()> {
    client.set_nodelay(true).ok()?;
    server.set_nodelay(true).ok()?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    send(&mut to_server, &message(&mut from_client, false).await?).await?;
    loop {
        let asked = message(&mut from_client, true).await?;
        let word = *before.lock().unwrap();
        if word.is_some_and(|word| String::from_utf8_lossy(&asked.1).contains(word)) {
            std::future::pending::<()>().await;
        }
        send(&mut to_server, &asked).await?;
    }
}

/// So that a test fails, and does not hang, when the server waits for ever.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("the server ends what is left idle")
}

/// Freezes `store` while it drops events: its session ends, and then it drops them on a new connection.
async fn check_that_it_is_ended(freezer: &Freezer, store: &PgStore, place: &Place) {
    place.store.append(events(1)).await.unwrap();
    routed(place).await;
    go_on_at(place, BLOCK).await;
    place.store.append(events(1)).await.unwrap();
    let later = place.store.clock().now() + SignedDuration::from_secs(60);
    freezer.freeze_before("pg_try_advisory_xact_lock");
    check_undone(soon(store.drop_events(later)).await, "idle-in-transaction timeout");
    freezer.thaw();
    assert_eq!(store.drop_events(later).await.unwrap(), Some(Seq(BLOCK - 1)));
}

#[tokio::test]
async fn a_transaction_that_is_left_idle_is_ended_by_the_server() {
    let (place, freezer) = (Place::new().await, Freezer::new().await);
    let store = PgStore::open_with(freezer.options(&place.schema)).await.unwrap();
    check_that_it_is_ended(&freezer, &store, &place).await;
}

#[tokio::test]
async fn a_transaction_that_is_left_idle_behind_a_pooler_is_ended_by_the_server() {
    let (place, freezer) = (Place::new().await, Freezer::new().await);
    let (address, _servers) = pooler::pooler(3, freezer.at).await;
    let options = pooler::options(address, &place.schema).idle_in_transaction_timeout(SHORT);
    let store = PgStore::open_with(options).await.unwrap();
    check_that_it_is_ended(&freezer, &store, &place).await;
}

/// While one makes the tables, all others that start wait for it.
async fn check_that_opening_is_ended(freezer: &Freezer, schema: &Schema, options: PgOptions) {
    freezer.freeze_before("CREATE SCHEMA");
    let refused = soon(PgStore::open_with(options)).await.unwrap_err();
    let OpenError::Database { source, .. } = &refused else { panic!("{refused:?}") };
    assert!(source.to_string().contains("idle-in-transaction timeout"), "{source}");
    assert_eq!(log(&schema.open().await).await, [], "another one that starts makes them");
}

#[tokio::test]
async fn a_process_that_is_frozen_while_it_opens_the_store_is_ended_by_the_server() {
    let (schema, freezer) = (Schema::new(), Freezer::new().await);
    check_that_opening_is_ended(&freezer, &schema, freezer.options(&schema)).await;
}

#[tokio::test]
async fn a_process_that_is_frozen_while_it_opens_the_store_through_a_pooler_is_ended_by_the_server() {
    let (schema, freezer) = (Schema::new(), Freezer::new().await);
    let (address, _servers) = pooler::pooler(1, freezer.at).await;
    let options = pooler::options(address, &schema).idle_in_transaction_timeout(SHORT);
    check_that_opening_is_ended(&freezer, &schema, options).await;
}
