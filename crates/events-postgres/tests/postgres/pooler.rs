//! Behind a pooler that hands out another connection for each transaction.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use events_core::{
    EventStore,
    ports::{Appended, RoutedEvent},
    testkit::{at, claim, delivery, done},
};
use events_postgres::{PgConnectOptions, PgOptions, PgStore};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Schema, events, log, url};

/// A message: its kind (absent in the first one of a client) and what follows it.
async fn message(from: &mut TcpStream, has_kind: bool) -> Option<(u8, Vec<u8>)> {
    let kind = if has_kind { from.read_u8().await.ok()? } else { 0 };
    let length = from.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    from.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

/// In one piece: several small ones would wait for each other's acknowledgement.
async fn send(to: &mut TcpStream, (kind, body): &(u8, Vec<u8>)) -> Option<()> {
    let mut whole = Vec::with_capacity(body.len() + 5);
    whole.extend((*kind != 0).then_some(*kind));
    whole.extend((u32::try_from(body.len()).unwrap() + 4).to_be_bytes());
    whole.extend(body);
    to.write_all(&whole).await.ok()
}

/// Hands a client from one of two server connections to the other whenever a transaction has ended.
async fn serve(mut client: TcpStream, server: SocketAddr, switches: Arc<AtomicUsize>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let startup = message(&mut client, false).await?;
    let mut servers = Vec::new();
    for number in 0..2 {
        let mut connection = TcpStream::connect(server).await.ok()?;
        connection.set_nodelay(true).ok()?;
        send(&mut connection, &startup).await?;
        loop {
            let answer = message(&mut connection, true).await?;
            let is_trusted = answer.0 != b'R' || answer.1 == [0; 4];
            assert!(is_trusted, "this pooler knows no passwords; let the server of EVENTS_TEST_POSTGRES_URL trust");
            if number == 0 {
                send(&mut client, &answer).await?;
            }
            if answer.0 == b'Z' {
                break;
            }
        }
        servers.push(connection);
    }
    let mut current = 0;
    loop {
        let asked = message(&mut client, true).await?;
        let (kind, _) = asked;
        send(&mut servers[current], &asked).await?;
        if kind == b'X' {
            return Some(());
        }
        if kind != b'S' && kind != b'Q' {
            continue; // more belongs to it
        }
        loop {
            let answer = message(&mut servers[current], true).await?;
            send(&mut client, &answer).await?;
            if answer.0 == b'Z' {
                if answer.1 == b"I" {
                    current = 1 - current;
                    switches.fetch_add(1, Ordering::Relaxed);
                }
                break;
            }
        }
    }
}

/// A pooler for a server that trusts whoever connects.
async fn pooler() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, switches) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let options: PgConnectOptions = url().parse().unwrap();
    let host = format!("{}:{}", options.get_host(), options.get_port());
    let server = tokio::net::lookup_host(host).await.unwrap().next().unwrap();
    let counting = Arc::clone(&switches);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, server, Arc::clone(&counting)));
        }
    });
    (address, switches)
}

#[tokio::test]
async fn everything_works_when_each_transaction_meets_another_connection() {
    let (address, switches) = pooler().await;
    let schema = Schema::new();
    let connect = url().parse::<PgConnectOptions>().unwrap().host("127.0.0.1").port(address.port());
    let connect = connect.ssl_mode(sqlx::postgres::PgSslMode::Disable);
    let options = PgOptions::new(connect).schema(&schema.0).behind_pooler(true);
    let store = PgStore::open_with(options).await.unwrap();
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
    assert!(switches.load(Ordering::Relaxed) > 20);
    store.close().await;
}
