//! A receiver that answers by script and keeps what it was sent: HTTP/1.1 with keep-alive.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the receiver does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with status, further headers and body.
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// Never answers.
    Silence,
    /// Answers with the beginning of a body and no more.
    HalfBody,
    /// Closes the connection.
    HangUp,
}

impl Reply {
    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Answer(status, &[], body.to_owned())
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Answer(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
                Some(format!("{head}\r\n{body}").into_bytes())
            }
            Self::HalfBody => Some(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\no".to_vec()),
            Self::Silence | Self::HangUp => None,
        }
    }
}

/// A request as it arrived. Header names are in lower case.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.json()["text"].as_str().unwrap().to_owned()
    }
}

/// A running receiver. When its script is over, it answers `200 ok`.
#[derive(Clone)]
pub(crate) struct Receiver {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    script: VecDeque<Reply>,
    requests: Vec<Request>,
    connections: usize,
}

impl Receiver {
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Seen { script: script.into_iter().collect(), ..Seen::default() };
        let receiver = Self { port: listener.local_addr().unwrap().port(), seen: Arc::new(Mutex::new(seen)) };
        let accepting = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.seen.lock().unwrap().connections += 1;
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        receiver
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// The requests since the last time.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.seen.lock().unwrap().requests)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// The one request that arrived.
    pub(crate) fn only_request(&self) -> Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read(&mut stream).await {
            let reply = {
                let mut seen = self.seen.lock().unwrap();
                seen.requests.push(request);
                seen.script.pop_front().unwrap_or_else(|| Reply::status(200, "ok"))
            };
            match reply.bytes() {
                Some(bytes) => stream.write_all(&bytes).await.unwrap_or_default(), // a cut-off reader is allowed
                None if matches!(reply, Reply::HangUp) => return,
                None => std::future::pending().await,
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse::<usize>().ok()?;
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8(bytes[head_end + 4..head_end + 4 + length].to_vec()).ok()?;
    Some(Request { line, headers, body })
}
