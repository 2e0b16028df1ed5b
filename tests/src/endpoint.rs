//! A customer's endpoint: takes webhooks, keeps them, and behaves as its path says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// A certificate for `receiver.example`, which nobody trusts, and its key.
const CERTIFICATE: &[u8] = include_bytes!("../../crates/events-webhooks/tests/webhooks/tls/receiver.example.cert.der");
const KEY: &[u8] = include_bytes!("../../crates/events-webhooks/tests/webhooks/tls/receiver.example.key.der");

/// The head of an answer of a gigabyte.
const OPEN_END: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
/// The pace of answers that never end, other than floods.
const PACE: Duration = Duration::from_millis(20);

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
    Bytes(Vec<u8>),
    /// Answers with these bytes and closes the connection.
    BytesAndEnd(Vec<u8>),
    /// Answers with the first of these, and with the second over and over, fifty times a second.
    Forever(Vec<u8>, Vec<u8>),
    /// Answers with a head and then with a gigabyte.
    Flood,
    /// Never answers.
    Silence,
    /// Closes the connection.
    HangUp,
    /// Resets the connection.
    Reset,
}

impl Conduct {
    /// A status with headers and an empty body.
    #[must_use]
    pub fn status(status: u16, headers: &str) -> Self {
        let length = if status < 200 || matches!(status, 204 | 304) { "" } else { "content-length: 0\r\n" };
        Self::Bytes(format!("HTTP/1.1 {status} X\r\n{length}{headers}\r\n").into_bytes())
    }

    /// A head and then blanks for ever.
    #[must_use]
    pub fn trickle() -> Self {
        Self::Forever(OPEN_END.to_vec(), b" ".to_vec())
    }

    /// A status with headers and a body.
    #[must_use]
    pub fn body(status: u16, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// Decides what is done with a request.
type Decide = Arc<dyn Fn(&Call) -> Conduct + Send + Sync>;

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
    decisions: BTreeMap<String, Decide>,
    connections: usize,
    flooded: u64,
}

impl Desk {
    /// Takes a request in, and says what is done with it.
    fn take(&mut self, call: Call) -> Conduct {
        let decided = self.decisions.get(&call.path).map(|decide| decide(&call));
        let scripted = self.conducts.get_mut(&call.path).and_then(|conducts| match conducts.len() {
            0 | 1 => conducts.first().cloned(),
            _ => Some(conducts.remove(0)),
        });
        self.calls.push(call);
        decided.or(scripted).unwrap_or_else(|| Conduct::status(200, ""))
    }
}

impl Endpoint {
    /// Listens on a free port.
    ///
    /// # Panics
    /// When the machine has none.
    pub async fn start() -> Self {
        Self::start_as(None).await
    }

    /// The same with TLS, under a certificate that nobody trusts.
    ///
    /// # Panics
    /// When the machine has no free port.
    pub async fn start_with_tls() -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
            .expect("the key belongs to the certificate");
        Self::start_as(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// Two endpoints on one port of two addresses of this machine.
    ///
    /// # Panics
    /// When it has no such port or addresses.
    pub async fn start_pair([first, second]: [&str; 2]) -> (Self, Self) {
        const TRIES: usize = 20; // somebody else may have the port at the other address
        for _ in 0..TRIES {
            let listener = TcpListener::bind((first, 0)).await.expect("a free port");
            let port = listener.local_addr().expect("a listener has an address").port();
            if let Ok(other) = TcpListener::bind((second, port)).await {
                return (Self::listen(listener, None), Self::listen(other, None));
            }
        }
        panic!("no port is free at {first} and at {second}");
    }

    async fn start_as(tls: Option<TlsAcceptor>) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.expect("a free port"), tls)
    }

    fn listen(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().expect("a listener has an address");
        let desk = Arc::<Mutex<Desk>>::default();
        let shared = desk.clone();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, desk) = (tls.clone(), shared.clone());
                lock(&desk).connections += 1;
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, desk, TcpStream::set_zero_linger).await,
                        // A caller that refuses the certificate ends the handshake.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, desk, |stream| stream.get_ref().0.set_zero_linger()).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, desk, serving }
    }

    /// Its address with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Requests to a path are answered like this, one after the other; the last one for ever.
    pub fn answer(&self, path: &str, conducts: impl IntoIterator<Item = Conduct>) {
        lock(&self.desk).conducts.insert(path.to_owned(), conducts.into_iter().collect());
    }

    /// Requests to a path are answered as this decides, from now on.
    pub fn decide(&self, path: &str, decide: impl Fn(&Call) -> Conduct + Send + Sync + 'static) {
        lock(&self.desk).decisions.insert(path.to_owned(), Arc::new(decide));
    }

    /// Connections that were made to it so far, whether something was sent over them or not.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.desk).connections
    }

    /// Bytes of floods that were taken off it.
    #[must_use]
    pub fn flooded(&self) -> u64 {
        lock(&self.desk).flooded
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

async fn serve<S>(mut stream: S, desk: Arc<Mutex<Desk>>, reset: fn(&S) -> std::io::Result<()>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(call) = read(&mut stream).await {
        let conduct = lock(&desk).take(call);
        // A caller that goes away is allowed in all of these.
        match conduct {
            Conduct::Bytes(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Conduct::BytesAndEnd(bytes) => return stream.write_all(&bytes).await.unwrap_or_default(),
            Conduct::Forever(first, over_and_over) => {
                stream.write_all(&first).await.unwrap_or_default();
                while stream.write_all(&over_and_over).await.is_ok() {
                    tokio::time::sleep(PACE).await;
                }
                return;
            }
            Conduct::HangUp => return,
            Conduct::Reset => return reset(&stream).unwrap_or_default(),
            Conduct::Silence => std::future::pending().await,
            Conduct::Flood => {
                let chunk = [b'x'; 64 * 1024];
                stream.write_all(OPEN_END).await.unwrap_or_default();
                while stream.write_all(&chunk).await.is_ok() {
                    lock(&desk).flooded += 64 * 1024;
                }
                return;
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Call> {
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
