//! A customer's endpoint: takes webhooks, keeps them, and behaves as its path says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The path.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// When it was read.
    pub at: Instant,
}

/// What an endpoint does with a request.
#[derive(Clone, Debug)]
pub enum Conduct {
    /// Answers with exactly these bytes.
    Bytes(String),
    /// Answers with a head and then with blanks for ever.
    Trickle,
    /// Answers with a head and then with a gigabyte.
    Flood,
    /// Closes the connection.
    HangUp,
}

impl Conduct {
    /// A status with headers and an empty body.
    #[must_use]
    pub fn status(status: u16, headers: &str) -> Self {
        let length = if matches!(status, 204 | 304) { "" } else { "content-length: 0\r\n" };
        Self::Bytes(format!("HTTP/1.1 {status} X\r\n{length}{headers}\r\n"))
    }
}

/// An endpoint. What it has no conduct for, it answers with 200.
pub struct Endpoint {
    address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Desk {
    calls: Vec<Call>,
    conducts: BTreeMap<String, Vec<Conduct>>,
}

impl Endpoint {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When the machine has none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let desk = Arc::<Mutex<Desk>>::default();
        let shared = desk.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, desk, serving }
    }

    /// Its address with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests to a path are answered like this, one after the other; the last one for ever.
    pub fn answer(&self, path: &str, conducts: impl IntoIterator<Item = Conduct>) {
        lock(&self.desk).conducts.insert(path.to_owned(), conducts.into_iter().collect());
    }

    /// The requests to a path so far.
    #[must_use]
    pub fn calls(&self, path: &str) -> Vec<Call> {
        lock(&self.desk).calls.iter().filter(|call| call.path == path).cloned().collect()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(desk: &Mutex<Desk>) -> std::sync::MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(mut stream: TcpStream, desk: Arc<Mutex<Desk>>) {
    const OPEN_END: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    while let Some(call) = read(&mut stream).await {
        let conduct = {
            let mut desk = lock(&desk);
            let conduct = desk.conducts.get_mut(&call.path).map(|conducts| match conducts.len() {
                0 | 1 => conducts.first().cloned(),
                _ => Some(conducts.remove(0)),
            });
            desk.calls.push(call);
            conduct.flatten().unwrap_or_else(|| Conduct::status(200, ""))
        };
        // A caller that goes away is allowed in all of these.
        match conduct {
            Conduct::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap_or_default(),
            Conduct::HangUp => return,
            Conduct::Trickle => {
                stream.write_all(OPEN_END).await.unwrap_or_default();
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await; // the pace of the trickle
                }
                return;
            }
            Conduct::Flood => {
                stream.write_all(OPEN_END).await.unwrap_or_default();
                while stream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {}
                return;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.split("\r\n").skip(1).filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    Some(Call { path, headers, body: bytes[head_end + 4..head_end + 4 + length].to_vec(), at: Instant::now() })
}
