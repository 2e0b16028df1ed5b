//! The password of the URL appears nowhere.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use events_amqp::AmqpQueue;
use events_core::ports::DeliveryQueue;
use tracing::{Event, Level, Metadata, Subscriber, field::Visit, span};

use crate::{
    broker::{Broker, eventually, slack, url, word},
    proxy::Proxy,
};

const PASSWORD: &str = "hunter2hunter2";

/// Keeps every line of the log, of all crates, below the level that shows single frames.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for &Log {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut &*self);
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut &*self);
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn clean(what: &str, shown: &str) {
    assert!(!shown.contains(PASSWORD), "{what} shows the password: {shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_error_status_debug_text_or_log_line_shows_the_password() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap(); // all threads, the library's too
    let broker = Broker::new();
    let proxy = Proxy::new().await;
    let refused = url::Url::parse(&url()).unwrap();
    let mut refused = refused;
    refused.set_username("nobody").unwrap();
    refused.set_password(Some(PASSWORD)).unwrap();
    let mut options = broker.options();
    options.url = refused.to_string().into();
    clean("the options", &format!("{options:?}"));
    let queue = AmqpQueue::start(options).unwrap();
    eventually("the broker's refusal", async || {
        queue.status().last_error.is_some_and(|error| error.contains("ACCESS_REFUSED"))
    })
    .await;
    clean("the queue", &format!("{queue:?} {:?}", queue.status()));
    clean("a push", &format!("{:?}", queue.push(word("slack", [1])).await));
    clean("a receive", &format!("{:?}", queue.receive(&slack(), 1).await));
    clean("a depth", &format!("{:?}", queue.depth().await));
    drop((queue, proxy));
    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("workers look for work themselves"), "the log was not kept: {log}");
    clean("the log", &log);
}
