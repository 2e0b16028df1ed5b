//! The receiver: takes messages as Slack does, keeps a ledger, and answers by script.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    routing::post,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
};

use crate::ledger::{Ledger, Message};

/// The secret part of every webhook's address. It must never be seen anywhere.
pub const CREDENTIAL: &str = "tops3cret";

/// How a message is answered.
#[derive(Clone, Debug, Default)]
pub enum Reply {
    /// `200 ok`.
    #[default]
    Ok,
    /// This status with this body, and `Retry-After` where it is given.
    Status(u16, &'static str, Option<u32>),
    /// `200 ok` after [`Receiver::release`], and until then nothing.
    Hold,
}

/// A stand-in for Slack, with a webhook for each of its channels: `#c0`, `#c1` and so on.
pub struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    serving: JoinHandle<()>,
}

/// What the receiver and its requests share.
#[derive(Default)]
struct Desk {
    ledger: Mutex<Ledger>,
    scripts: Mutex<Scripts>,
    released: watch::Sender<()>,
    closing: Notify,
}

#[derive(Default)]
struct Scripts {
    next: HashMap<String, VecDeque<Reply>>,
    standing: HashMap<String, Reply>,
    otherwise: Reply,
}

impl Receiver {
    /// Listens on a free port; answers everything with `200 ok` until it is told otherwise.
    ///
    /// # Panics
    /// When the machine has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let desk = Arc::new(Desk::default());
        let router = Router::new().route("/services/T0/{secret}/{channel}", post(receive)).with_state(desk.clone());
        let closing = desk.clone();
        let serving = tokio::spawn(async move {
            let closed = async move { closing.closing.notified().await };
            let _ = axum::serve(listener, router).with_graceful_shutdown(closed).await;
        });
        Self { address, desk, serving }
    }

    /// Answers what is held and closes all connections; from then on, connecting fails.
    pub async fn close(mut self) {
        self.desk.closing.notify_one();
        self.release();
        let _ = (&mut self.serving).await;
    }

    /// The `[slack]` section for this many channels: events of the type `test.c7` are told in
    /// `#c7` as `n=<number>`. The default destination is the channel `general`.
    #[must_use]
    pub fn slack(&self, channels: usize) -> String {
        let url = |channel: &str| format!("http://{}/services/T0/{CREDENTIAL}/{channel}", self.address);
        let mut section = format!("[slack]\nwebhook_url = \"{}\"\n\n[slack.channels]\n", url("general"));
        for at in 0..channels {
            let _ = writeln!(section, "\"#c{at}\" = \"{}\"", url(&format!("c{at}")));
        }
        section.push_str("\n[slack.templates]\n");
        for at in 0..channels {
            let _ = writeln!(section, "\"test.c{at}\" = {{ template = \"n={{n}}\", channel = \"#c{at}\" }}");
        }
        section
    }

    /// All messages so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        lock(&self.desk.ledger).clone()
    }

    /// From now on, messages are answered like this.
    pub fn answer_all(&self, reply: Reply) {
        let mut scripts = lock(&self.desk.scripts);
        scripts.standing.clear();
        scripts.otherwise = reply;
    }

    /// From now on, messages of a channel are answered like this.
    pub fn answer(&self, channel: &str, reply: Reply) {
        lock(&self.desk.scripts).standing.insert(channel.to_owned(), reply);
    }

    /// The next messages of a channel are answered like this, one by one.
    pub fn answer_next(&self, channel: &str, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.desk.scripts).next.entry(channel.to_owned()).or_default().extend(replies);
    }

    /// Answers everything that is held now.
    pub fn release(&self) {
        self.desk.released.send_replace(());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answered = (StatusCode, HeaderMap, &'static str);

async fn receive(Path((_, channel)): Path<(String, String)>, State(desk): State<Arc<Desk>>, body: String) -> Answered {
    // Subscribed before the message is seen: a release after that is not overlooked.
    let mut released = desk.released.subscribe();
    let reply = {
        let mut scripts = lock(&desk.scripts);
        let scripted = scripts.next.get_mut(&channel).and_then(VecDeque::pop_front);
        scripted.or_else(|| scripts.standing.get(&channel).cloned()).unwrap_or_else(|| scripts.otherwise.clone())
    };
    let at = {
        let mut ledger = lock(&desk.ledger);
        ledger.0.push(Message::arrived(channel, &body));
        ledger.0.len() - 1
    };
    let (status, body, retry_after) = match reply {
        Reply::Ok => (200, "ok", None),
        Reply::Status(status, body, retry_after) => (status, body, retry_after),
        Reply::Hold => {
            let _ = released.changed().await;
            (200, "ok", None)
        }
    };
    lock(&desk.ledger).0[at].answered = Some(status);
    let mut headers = HeaderMap::new();
    headers.extend(retry_after.map(|seconds| (axum::http::header::RETRY_AFTER, HeaderValue::from(seconds))));
    (StatusCode::from_u16(status).unwrap_or_default(), headers, body)
}
