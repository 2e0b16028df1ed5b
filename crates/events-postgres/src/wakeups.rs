//! Hearing from other processes that there is something to do.

use std::time::Duration;

use events_core::HandlerName;
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{
    notifier::{HANDLER, OUTBOX, SAYS},
    options::PgOptions,
};

/// Before the first try to connect again, and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What somebody has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// New events wait to be routed.
    Outbox,
    /// Deliveries of this handler are due, or will be: ask the store when.
    Handler(HandlerName),
    /// Anything may have happened: the connection is new.
    All,
}

/// Wake-ups by `LISTEN`, on a connection of their own.
///
/// They make things quick and nothing more: one may be lost, repeated or needless, so whoever waits
/// for them polls as well. Dropping it gives the connection back to the server.
#[derive(Debug)]
pub struct PgWakeups {
    options: PgOptions,
    channel: String,
    /// Whose notifications are passed over.
    sender: String,
    listener: Option<PgListener>,
    backoff: Duration,
}

impl PgWakeups {
    pub(crate) fn new(options: PgOptions, channel: String, sender: String) -> Self {
        Self { options, channel, sender, listener: None, backoff: BACKOFF.0 }
    }

    /// Waits for the next one. Never fails: a connection that is lost is made anew, for ever, and answered
    /// with [`Wakeup::All`] once it is there. May be dropped at any moment and called again.
    pub async fn next(&mut self) -> Wakeup {
        loop {
            let Some(listener) = &mut self.listener else {
                match self.connect().await {
                    Ok(listener) => {
                        self.listener = Some(listener);
                        self.backoff = BACKOFF.0;
                        return Wakeup::All;
                    }
                    Err(error) => {
                        tracing::debug!("Listening is tried again, polling goes on: {error}");
                        tokio::time::sleep(self.backoff).await;
                        self.backoff = (self.backoff * 2).min(BACKOFF.1);
                    }
                }
                continue;
            };
            match listener.try_recv().await {
                Ok(Some(notification)) => {
                    if let Some(wakeup) = read(notification.payload(), &self.sender) {
                        return wakeup;
                    }
                }
                // What was sent while nobody listened is lost; a new connection wakes everybody.
                Ok(None) | Err(_) => self.listener = None,
            }
        }
    }

    async fn connect(&self) -> Result<PgListener, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.options.connecting(&[]));
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.listen(&self.channel).await?;
        Ok(listener)
    }
}

/// What a notification says; `None` when it says nothing new: it is `sender`'s own, or not one of ours.
fn read(payload: &str, sender: &str) -> Option<Wakeup> {
    let (from, payload) = payload.split_once(SAYS).unwrap_or(("", payload));
    if from == sender {
        return None;
    }
    match payload.strip_prefix(HANDLER) {
        Some(handler) => Some(Wakeup::Handler(handler.into())),
        None => (payload == OUTBOX).then_some(Wakeup::Outbox),
    }
}
