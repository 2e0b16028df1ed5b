//! A receiver that answers by script and keeps what it was sent: HTTP/1.1 with keep-alive, with TLS where a test asks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// A certificate for `receiver.example`, which nobody trusts, and its key.
pub(crate) const CERTIFICATE: &[u8] = include_bytes!("tls/receiver.example.cert.der");
const KEY: &[u8] = include_bytes!("tls/receiver.example.key.der");

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with exactly these bytes.
    Bytes(Vec<u8>),
    /// Answers with these bytes and closes the connection.
    BytesAndEnd(Vec<u8>),
    /// Answers with a head, and then with blanks one by one for ever.
    Trickle,
    /// Answers with a head, and then with this many bytes.
    Flood(u64),
    /// Never answers.
    Silence,
    /// Closes the connection.
    HangUp,
    /// Resets the connection.
    Reset,
    /// Answers with the `challenge` of the request.
    Echo,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::with(status, &[], "")
    }

    pub(crate) fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut head = format!("HTTP/1.1 {status} X\r\n");
        if status != 204 && status != 304 && status >= 200 {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        Self::Bytes(format!("{head}\r\n{body}").into_bytes())
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A running receiver. When its script is over, it answers 200.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    script: VecDeque<Reply>,
    requests: Vec<Request>,
    connections: usize,
    flooded: u64,
}

impl Receiver {
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_as(script, None).await
    }

    pub(crate) async fn start_with_tls(script: impl IntoIterator<Item = Reply>) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CERTIFICATE.into()], PrivatePkcs8KeyDer::from(KEY).into())
            .unwrap();
        Self::start_as(script, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start_as(script: impl IntoIterator<Item = Reply>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Seen { script: script.into_iter().collect(), ..Seen::default() };
        let receiver = Self { port: listener.local_addr().unwrap().port(), seen: Arc::new(Mutex::new(seen)) };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.seen.lock().unwrap().connections += 1;
                let (serving, tls) = (accepting.clone(), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else {
                        return serving.serve(stream, reset).await;
                    };
                    // A client that refuses the certificate ends the handshake.
                    if let Ok(stream) = tls.accept(stream).await {
                        serving.serve(stream, |_| Ok(())).await;
                    }
                });
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> url::Url {
        format!("http://127.0.0.1:{}/hooks", self.port).parse().unwrap()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().requests.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// Bytes of floods that were taken off this receiver.
    pub(crate) fn flooded(&self) -> u64 {
        self.seen.lock().unwrap().flooded
    }

    async fn serve<S>(self, mut stream: S, reset: fn(&S) -> std::io::Result<()>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        const OPEN_END: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
        while let Some(request) = read(&mut stream).await {
            let reply = {
                let mut seen = self.seen.lock().unwrap();
                seen.requests.push(request.clone());
                seen.script.pop_front().unwrap_or_else(|| Reply::status(200))
            };
            // A client that cuts the answer off is allowed in all of these.
            match reply {
                Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
                Reply::BytesAndEnd(bytes) => return stream.write_all(&bytes).await.unwrap_or_default(),
                Reply::Echo => {
                    let question: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                    let word = question["challenge"].as_str().unwrap();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", word.len());
                    stream.write_all((head + word).as_bytes()).await.unwrap_or_default();
                }
                Reply::Trickle => {
                    stream.write_all(OPEN_END).await.unwrap_or_default();
                    while stream.write_all(b" ").await.is_ok() {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await; // the pace of the trickle
                    }
                    return;
                }
                Reply::Flood(bytes) => {
                    stream.write_all(OPEN_END).await.unwrap_or_default();
                    let chunk = vec![b'x'; 64 * 1_024];
                    for _ in 0..bytes / 65_536 {
                        if stream.write_all(&chunk).await.is_err() {
                            return;
                        }
                        self.seen.lock().unwrap().flooded += 65_536;
                    }
                }
                Reply::HangUp => return,
                Reply::Reset => return reset(&stream).unwrap(),
                Reply::Silence => std::future::pending().await,
            }
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in head.split("\r\n").skip(1).filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Request { headers, body: bytes[head_end + 4..head_end + 4 + length].to_vec() })
}

/// Makes closing the connection a reset.
fn reset(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO))
}
