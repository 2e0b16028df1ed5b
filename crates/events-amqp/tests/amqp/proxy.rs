//! A machine between the queue and the broker, which can fall silent, cut and speak for itself.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::{broadcast, mpsc, watch},
    task::{AbortHandle, JoinSet},
};
use url::Url;

use crate::broker::url;

/// What happens to bytes, and to who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    /// Connections are accepted and stay open, and nothing arrives.
    Hold,
    /// Connections are closed at once.
    Refuse,
}

/// Frames of the protocol: a method of channel 0, its payload, and the end of the frame.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 0];
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame.push(0xCE);
    frame
}

pub(crate) struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    cut: broadcast::Sender<()>,
    injected: broadcast::Sender<Vec<u8>>,
    open: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Proxy {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let broker = Url::parse(&url()).unwrap();
        let broker = Arc::new((broker.host_str().unwrap().to_owned(), broker.port().unwrap_or(5672)));
        let (mode, modes) = watch::channel(Mode::Pass);
        let (cut, cuts) = broadcast::channel(16);
        let (injected, injections) = broadcast::channel(16);
        let open = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&open);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                if *modes.borrow() == Mode::Refuse {
                    continue;
                }
                let (broker, modes) = (Arc::clone(&broker), modes.clone());
                let (mut cuts, injections) = (cuts.resubscribe(), injections.resubscribe());
                let counter = Arc::clone(&counter);
                connections.spawn(async move {
                    counter.fetch_add(1, Ordering::SeqCst);
                    tokio::select! {
                        _ = cuts.recv() => {}
                        () = carry(stream, &broker, modes, injections) => {}
                    }
                    counter.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, mode, cut, injected, open, task: task.abort_handle() }
    }

    /// The broker's URL, through here.
    pub(crate) fn url(&self) -> String {
        let mut url = Url::parse(&url()).unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(self.address.port())).unwrap();
        url.to_string()
    }

    /// The network is gone: nothing arrives, and nobody is told.
    pub(crate) fn hold(&self) {
        self.mode.send_replace(Mode::Hold);
    }

    /// The broker is gone: connections break, and new ones too.
    pub(crate) fn refuse(&self) {
        self.mode.send_replace(Mode::Refuse);
        self.cut();
    }

    /// All is well again.
    pub(crate) fn pass(&self) {
        self.mode.send_replace(Mode::Pass);
    }

    /// Every connection breaks. New ones work.
    pub(crate) fn cut(&self) {
        drop(self.cut.send(())); // nobody may be connected
    }

    /// Connections that neither side has ended.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// What a broker says that is short of memory. Not while something else is being said.
    pub(crate) fn say_blocked(&self, reason: &str) {
        let mut payload = vec![0, 10, 0, 60, u8::try_from(reason.len()).unwrap()];
        payload.extend(reason.as_bytes());
        self.injected.send(frame(&payload)).unwrap();
    }

    /// What it says when it is over.
    pub(crate) fn say_unblocked(&self) {
        self.injected.send(frame(&[0, 10, 0, 61])).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries bytes in both directions until one side ends.
async fn carry(
    client: TcpStream,
    broker: &(String, u16),
    modes: watch::Receiver<Mode>,
    mut injections: broadcast::Receiver<Vec<u8>>,
) {
    let Ok(broker) = TcpStream::connect((broker.0.as_str(), broker.1)).await else { return };
    let (from_client, mut to_client) = client.into_split();
    let (from_broker, mut to_broker) = broker.into_split();
    let (mut said, mut heard) = (read(from_client, modes.clone()), read(from_broker, modes));
    loop {
        tokio::select! {
            bytes = said.recv() => match bytes {
                Some(bytes) => if to_broker.write_all(&bytes).await.is_err() { return },
                None => return,
            },
            bytes = heard.recv() => match bytes {
                Some(bytes) => if to_client.write_all(&bytes).await.is_err() { return },
                None => return,
            },
            Ok(bytes) = injections.recv() => if to_client.write_all(&bytes).await.is_err() { return },
        }
    }
}

/// What one side says, as far as it may be heard.
fn read(mut side: OwnedReadHalf, mut modes: watch::Receiver<Mode>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(count @ 1..) = side.read(&mut buffer).await else { return };
            if modes.wait_for(|mode| *mode != Mode::Hold).await.is_err() {
                return;
            }
            if sender.send(buffer[..count].to_vec()).await.is_err() {
                return;
            }
        }
    });
    receiver
}
