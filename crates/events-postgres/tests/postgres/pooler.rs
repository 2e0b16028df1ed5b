//! Behind a pooler that hands out another connection for each transaction.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use events_core::{
    EventStore,
    ports::{Appended, PruneRequest, RoutedEvent},
    testkit::{at, claim, delivery, done},
};
use events_postgres::{PgConnectOptions, PgOptions, PgStore};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::support::{Schema, address, events, log, message, send, url};

/// Connections to the server that all clients share. Whoever is done is at the end of the line again, so that the
/// next transaction of a client meets another one.
pub(crate) struct Servers {
    idle: Mutex<VecDeque<TcpStream>>,
    is_idle: Notify,
    /// What a server says when it is ready, for every client.
    greeting: Vec<(u8, Vec<u8>)>,
    transactions: AtomicUsize,
}

impl Servers {
    async fn connect(server: SocketAddr, startup: &(u8, Vec<u8>), count: usize) -> Self {
        let (mut idle, mut greeting) = (VecDeque::new(), Vec::new());
        for _ in 0..count {
            let mut connection = TcpStream::connect(server).await.unwrap();
            connection.set_nodelay(true).unwrap();
            send(&mut connection, startup).await.unwrap();
            greeting.clear();
            while greeting.last().is_none_or(|(kind, _)| *kind != b'Z') {
                greeting.push(message(&mut connection, true).await.unwrap());
            }
            idle.push_back(connection);
        }
        let is_trusted = greeting[0] == (b'R', vec![0; 4]);
        assert!(is_trusted, "this pooler knows no passwords; let the server of EVENTS_TEST_POSTGRES_URL trust");
        Self { idle: Mutex::new(idle), is_idle: Notify::new(), greeting, transactions: AtomicUsize::new(0) }
    }

    async fn take(&self) -> TcpStream {
        loop {
            let idle = self.idle.lock().unwrap().pop_front();
            match idle {
                Some(connection) => return connection,
                None => self.is_idle.notified().await,
            }
        }
    }

    fn give_back(&self, connection: TcpStream) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.idle.lock().unwrap().push_back(connection);
        self.is_idle.notify_one();
    }
}

/// What a client may ask for when it connects, as with PgBouncer, which refuses everything else.
const KNOWN: [&str; 6] = ["user", "database", "application_name", "client_encoding", "DateStyle", "TimeZone"];

/// The names of what a client asks for, after the version of the protocol.
fn parameters(startup: &[u8]) -> Vec<String> {
    let texts: Vec<_> = startup[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    texts.chunks(2).map(|pair| pair[0].clone().into_owned()).filter(|name| !name.is_empty()).collect()
}

/// Gives a client a connection to the server for each transaction.
async fn serve(mut client: TcpStream, servers: Arc<Servers>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let startup = message(&mut client, false).await?;
    if let Some(unknown) = parameters(&startup.1).iter().find(|name| !KNOWN.contains(&name.as_str())) {
        let error = format!("SFATAL\0C08P01\0Munsupported startup parameter: {unknown}\0\0");
        return send(&mut client, &(b'E', error.into_bytes())).await;
    }
    for greeting in &servers.greeting {
        send(&mut client, greeting).await?;
    }
    loop {
        let mut asked = message(&mut client, true).await?;
        if asked.0 == b'X' {
            return Some(());
        }
        let mut server = servers.take().await;
        loop {
            let kind = asked.0;
            send(&mut server, &asked).await?;
            if kind == b'S' || kind == b'Q' {
                let mut answer = message(&mut server, true).await?;
                while answer.0 != b'Z' {
                    send(&mut client, &answer).await?;
                    answer = message(&mut server, true).await?;
                }
                send(&mut client, &answer).await?;
                if answer.1 == b"I" {
                    break; // the transaction is over
                }
            }
            asked = message(&mut client, true).await?;
        }
        servers.give_back(server);
    }
}

/// A pooler with so many connections for all, to a server that trusts whoever connects.
pub(crate) async fn pooler(count: usize, server: SocketAddr) -> (SocketAddr, Arc<Servers>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options: PgConnectOptions = url().parse().unwrap();
    let database = options.get_database().unwrap_or("postgres");
    let mut startup = 196_608_i32.to_be_bytes().to_vec();
    startup.extend(format!("user\0{}\0database\0{database}\0\0", options.get_username()).bytes());
    let servers = Arc::new(Servers::connect(server, &(0, startup), count).await);
    let serving = Arc::clone(&servers);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, Arc::clone(&serving)));
        }
    });
    (address, servers)
}

/// How a store of `schema` is opened through a pooler.
pub(crate) fn options(address: SocketAddr, schema: &Schema) -> PgOptions {
    let connect = url().parse::<PgConnectOptions>().unwrap().host("127.0.0.1").port(address.port());
    let connect = connect.ssl_mode(sqlx::postgres::PgSslMode::Disable);
    PgOptions::new(connect).schema(&schema.0).behind_pooler(true)
}

/// Opens it.
pub(crate) async fn open(address: SocketAddr, schema: &Schema) -> PgStore {
    PgStore::open_with(options(address, schema)).await.unwrap()
}

#[tokio::test]
async fn everything_works_when_each_transaction_meets_another_connection() {
    let (address, servers) = pooler(3, address().await).await;
    let schema = Schema::new();
    let store = open(address, &schema).await;
    assert!(store.wakeups().is_none(), "there is no session that could listen");
    for _ in 0..3 {
        let mine = events(5);
        store.append(mine.clone()).await.unwrap();
        assert!(matches!(store.append(mine).await.unwrap()[4], Appended::Existing(_)));
        let unrouted = store.unrouted(100).await.unwrap().events;
        let plans = unrouted.iter().map(|it| RoutedEvent {
            seq: it.seq,
            deliveries: vec![delivery("slack", "#general")],
            cancellations: Vec::new(),
        });
        store.route(plans.collect(), at(0)).await.unwrap();
        let claimed = store.claim(claim("slack").limit(100).build()).await.unwrap();
        assert_eq!(claimed.len(), 5);
        let summary = store.settle(claimed.iter().map(|it| done(it, at(1))).collect()).await.unwrap();
        assert_eq!(summary.settled, 5);
    }
    assert_eq!(log(&store).await.len(), 15);
    assert!(servers.transactions.load(Ordering::Relaxed) > 20);
    store.close().await;
}

/// Processes that start one after the other meet what their predecessors left on the connections they share.
#[tokio::test]
async fn processes_that_share_connections_do_not_meet_each_others_statements() {
    let (address, _servers) = pooler(1, address().await).await;
    let schema = Schema::new();
    let first = open(address, &schema).await;
    let second = open(address, &schema).await;
    let another = Schema::new();
    let third = open(address, &another).await; // which makes its tables on the same connection
    for store in [&first, &second, &third] {
        store.append(events(3)).await.unwrap();
        let request =
            PruneRequest { attempts_before: at(0), dead_letters_before: at(0), keys_before: at(0), limit: 10 };
        store.prune(request).await.unwrap();
        store.health().await.unwrap();
    }
    assert_eq!((log(&second).await.len(), log(&third).await.len()), (6, 3));
    for store in [first, second, third] {
        store.close().await;
    }
}
