//! A receiver that answers POSTs with 204 and knows when each arrived.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// A running receiver, on a thread of its own. Requests to `/silence` are never answered, those to
/// `/unavailable` with 503; neither counts.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    /// Its thread, as a directory below `/proc`.
    thread: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    count: AtomicUsize,
    progress: Notify,
    /// When requests to `/timed` arrived.
    times: Mutex<Vec<Instant>>,
}

impl Receiver {
    pub(super) fn start() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (address, seen) = (listener.local_addr()?, Arc::<Seen>::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (named, name) = std::sync::mpsc::channel();
        let accepting = seen.clone();
        thread::spawn(move || {
            let _ = named.send(fs::read_link("/proc/thread-self")); // whoever starts it waits for this
            runtime.block_on(accept(listener, accepting))
        });
        let thread = name.recv()??.to_string_lossy().into_owned();
        Ok(Self { address, thread, seen })
    }

    /// The processor time of its thread.
    pub(super) fn processor_seconds(&self) -> anyhow::Result<f64> {
        crate::latency::processor_seconds(&self.thread)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Requests that were answered so far.
    pub(super) fn count(&self) -> usize {
        self.seen.count.load(SeqCst)
    }

    /// Waits until this many were answered since the start.
    pub(super) async fn reached(&self, count: usize) {
        while self.count() < count {
            self.seen.progress.notified().await;
        }
    }

    /// When requests to `/timed` arrived, since the last time this was asked.
    pub(super) fn times(&self) -> Vec<Instant> {
        std::mem::take(&mut *self.seen.times.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: std::net::TcpListener, seen: Arc<Seen>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(answer(stream, seen.clone()));
    }
}

async fn answer(mut stream: TcpStream, seen: Arc<Seen>) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(8 * 1024);
    loop {
        let (path, length) = loop {
            if let Some(request) = request(&bytes) {
                break request;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        while bytes.len() < length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..length);
        match path {
            Path::Silence => std::future::pending().await,
            Path::Unavailable => {
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await?;
                continue;
            }
            Path::Timed => seen.times.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now()),
            Path::Other => {}
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        seen.count.fetch_add(1, SeqCst);
        seen.progress.notify_one();
    }
}

enum Path {
    Silence,
    Unavailable,
    Timed,
    Other,
}

/// The path of the request that these bytes begin with, and its length, once its head is whole.
fn request(bytes: &[u8]) -> Option<(Path, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let lower = text.to_ascii_lowercase();
    let length = lower.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse::<usize>().ok()?;
    let path = match text.split(' ').nth(1)? {
        "/silence" => Path::Silence,
        "/unavailable" => Path::Unavailable,
        "/timed" => Path::Timed,
        _ => Path::Other,
    };
    Some((path, head + length))
}
