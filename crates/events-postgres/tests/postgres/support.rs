//! A store in a schema of its own on the server of `EVENTS_TEST_POSTGRES_URL`, and connections beside it.

use std::{
    net::SocketAddr,
    sync::Arc,
    sync::atomic::{AtomicU32, Ordering},
};

use events_core::{Event, EventHistory, Seq, StoredEvent, testkit};
use events_postgres::{PgConnectOptions, PgConnection, PgOptions, PgStore};
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Where the tests find a server.
pub(crate) fn url() -> String {
    std::env::var("EVENTS_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!(
            "these tests need a PostgreSQL server: run `cargo xtask test`, which starts one, or set \
             EVENTS_TEST_POSTGRES_URL=postgres://user:password@host:5432/database to one whose role may create schemas"
        )
    })
}

/// Where that server is, for whoever stands in between.
pub(crate) async fn address() -> SocketAddr {
    let options: PgConnectOptions = url().parse().unwrap();
    let host = format!("{}:{}", options.get_host(), options.get_port());
    tokio::net::lookup_host(host).await.unwrap().next().unwrap()
}

/// A message of the protocol: its kind (absent in the first one of a client) and what follows it.
pub(crate) async fn message(from: &mut (impl AsyncRead + Unpin), has_kind: bool) -> Option<(u8, Vec<u8>)> {
    let kind = if has_kind { from.read_u8().await.ok()? } else { 0 };
    let length = from.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

/// Sends a message, in one piece: several small ones would wait for each other's acknowledgement.
pub(crate) async fn send(to: &mut (impl AsyncWrite + Unpin), (kind, body): &(u8, Vec<u8>)) -> Option<()> {
    let mut whole = Vec::with_capacity(body.len() + 5);
    whole.extend((*kind != 0).then_some(*kind));
    whole.extend((u32::try_from(body.len()).unwrap() + 4).to_be_bytes());
    whole.extend(body);
    to.write_all(&whole).await.ok()
}

/// A schema that is dropped with this.
pub(crate) struct Schema(pub(crate) String);

impl Schema {
    /// A name that nothing on the server has.
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
        Self(format!("events_test_{}_{started}_{number}", std::process::id()))
    }

    /// How a store is opened in it.
    pub(crate) fn options(&self) -> PgOptions {
        url().parse::<PgOptions>().unwrap().schema(&self.0).working_connections(6).reading_connections(2)
    }

    /// A store in it.
    pub(crate) async fn open(&self) -> PgStore {
        PgStore::open_with(self.options()).await.unwrap()
    }

    /// A connection of an application, with this schema as its search path.
    pub(crate) async fn connection(&self) -> PgConnection {
        let options: PgConnectOptions = url().parse().unwrap();
        let options = options.options([("search_path", self.0.as_str())]);
        PgConnection::connect_with(&options).await.unwrap()
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        run(format!("DROP SCHEMA IF EXISTS {} CASCADE", self.0));
    }
}

/// An empty database of its own on the server, that is dropped with this.
pub(crate) struct Database {
    name: String,
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let name = Schema::new().0.clone();
        let mut connection = PgConnection::connect(&url()).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let mut url = url::Url::parse(&url()).unwrap();
        url.set_path(&name);
        Self { name, url: url.to_string() }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        run(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement in a thread of its own, since this may be called inside of a runtime.
fn run(statement: String) {
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&url()).await.unwrap();
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
        });
    });
    let _ = running.join(); // what went wrong is printed; the test itself has been decided
}

/// A store, with the schema it is in.
pub(crate) struct Place {
    pub(crate) store: PgStore,
    pub(crate) schema: Schema,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let schema = Schema::new();
        Self { store: schema.open().await, schema }
    }

    /// A connection of an application to the store's schema.
    pub(crate) async fn connection(&self) -> PgConnection {
        self.schema.connection().await
    }
}

/// Everything in the log.
pub(crate) async fn log(store: &PgStore) -> Vec<StoredEvent> {
    store.scan(Seq::START, 10_000).await.unwrap()
}

/// So many events.
pub(crate) fn events(count: usize) -> Vec<Arc<Event>> {
    (0..count).map(|_| testkit::event("user.signup").build()).collect()
}
