//! Connections: accepted within bounds, closed in order.

use std::{future::Future, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Connections open at once; further ones wait in the system's queue. Below 1,024, the usual
/// number of files a process may open, so that the store never lacks one.
const MOST: usize = 900;

/// The head of a request must arrive within this time, which also is how long a connection may
/// stay open without one. Who sends a byte now and then cannot hold a connection for longer.
const HEAD: Duration = Duration::from_secs(30);

/// Serves connections until `stop` resolves; then accepts no more, closes those that are idle
/// and finishes the requests under way, as long as `grace` lasts.
///
/// `axum::serve` does the same without a time limit on heads and without a bound on connections.
pub(crate) async fn serve(mut listener: TcpListener, router: Router, stop: impl Future<Output = ()>, grace: Duration) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener), if connections.len() < MOST => {
                let connection = protocol.serve_connection(TokioIo::new(without_delay(stream)), service.clone());
                connections.spawn(graceful.watch(connection));
            }
            // Broken connections are the clients' business.
            Some(_) = connections.join_next() => {}
            () = &mut stop => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "Requests under way at the end of the grace are cut off");
    }
}

/// Answers are written whole, so waiting for more to send only delays them.
fn without_delay(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("Failed to switch off the delay of a connection: {error}");
    }
    stream
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::{Notify, oneshot},
        task::JoinHandle,
    };

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A server, one connection to it, and what stops it.
    async fn connected(router: Router) -> (TcpStream, oneshot::Sender<()>, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let serving = tokio::spawn(serve(listener, router, stopped, Duration::from_secs(3600)));
        (TcpStream::connect(address).await.unwrap(), stop, serving)
    }

    /// Reads one answer, as far as its body `ok`.
    async fn answer(client: &mut TcpStream) -> String {
        let mut read = Vec::new();
        while !read.ends_with(b"ok") {
            read.push(client.read_u8().await.unwrap());
        }
        String::from_utf8(read).unwrap()
    }

    #[tokio::test]
    async fn half_a_head_does_not_hold_a_connection() {
        let (mut client, _stop, _serving) = connected(Router::new()).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x").await.unwrap();
        tokio::time::pause(); // from now on, time passes as soon as everybody waits
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(!String::from_utf8(rest).unwrap().contains("200"));
    }

    #[tokio::test]
    async fn connections_without_a_request_do_not_hold_up_the_end() {
        let router = Router::new().route("/", get(async || "ok"));
        let (mut client, stop, serving) = connected(router).await;
        client.write_all(REQUEST).await.unwrap();
        assert!(answer(&mut client).await.starts_with("HTTP/1.1 200"));
        let unused = TcpStream::connect(client.peer_addr().unwrap()).await.unwrap();
        stop.send(()).unwrap();
        serving.await.unwrap();
        drop((client, unused));
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (arrived, go) = (arrived.clone(), go.clone());
            async move || {
                arrived.notify_one();
                go.notified().await;
                "ok"
            }
        };
        let (mut client, stop, serving) = connected(Router::new().route("/", get(handler))).await;
        client.write_all(REQUEST).await.unwrap();
        arrived.notified().await;
        stop.send(()).unwrap();
        go.notify_one();
        assert!(answer(&mut client).await.contains("connection: close"));
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_outlasts_the_grace_is_cut_off() {
        let arrived = Arc::new(Notify::new());
        let handler = {
            let arrived = arrived.clone();
            async move || {
                arrived.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let (mut client, stop, serving) = connected(Router::new().route("/", get(handler))).await;
        client.write_all(REQUEST).await.unwrap();
        arrived.notified().await;
        tokio::time::pause();
        stop.send(()).unwrap();
        serving.await.unwrap();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
}
