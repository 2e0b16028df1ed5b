//! A worker as a process of its own: its memory over a backlog.

use std::time::Duration;

use events_core::{EventType, NewEvent};
use serde_json::json;
use xtask::services::Postgres;

use super::{BACKLOG, Node, Place, Word};
use crate::{
    report::{Figure, Report, Target},
    server::{self, CHANNELS, Process},
};

pub(crate) async fn run(report: &mut Report, server: &Postgres) -> anyhow::Result<()> {
    let place = Place::new(server).await?;
    let node = Node::start(&place.url, &Word::Polling, None).await?;
    for call in 0..BACKLOG / 500 {
        let mut events = Vec::new();
        for number in call * 500..(call + 1) * 500 {
            let event_type = EventType::parse(&format!("bench.type_{}", number % CHANNELS))?;
            events.push(NewEvent::new(event_type, json!({ "n": number, "email": "alice@example.com" })));
        }
        node.engine.publisher().publish_all(events).await?;
    }
    let folder = tempfile::tempdir_in(".")?;
    let database = format!("[database]\nurl = \"{}\"\n", place.url);
    let config = server::config(folder.path(), &server::slack()?, &database);
    let worker = Process::start(folder.path(), &config, &["serve", "--role", "worker"])?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    while node.store_is_busy().await? {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let peak = worker.memory("VmHWM")? / 1024.0;
    report.value("postgres worker, peak memory, 50,000 backlog", "MiB", Figure::of(vec![peak]), Target::AtMost(40.0));
    drop(worker);
    node.close().await;
    place.close().await
}

impl Node {
    /// Whether something is unprocessed.
    async fn store_is_busy(&self) -> anyhow::Result<bool> {
        use events_core::{Clock, ports::EventHistory};
        Ok(self.store.depth(self.store.clock().now()).await?.unprocessed > 0)
    }
}
