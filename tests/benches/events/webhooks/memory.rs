//! The server as a process while 100,000 deliveries wait for endpoints that fail: its memory, and whether another
//! endpoint gets its deliveries.

use std::{path::Path, time::Duration};

use anyhow::Context;
use serde_json::json;

use super::{Servers, receiver::Receiver, system::KEY};
use crate::{
    report::{Figure, Report, Target},
    server::Server,
};

const WAITING: usize = 100_000;
const HEALTHY: usize = 2_000;
const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";
/// How long routing may take, and calls at a healthy endpoint.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let (folder, receiver) = (tempfile::tempdir_in(".")?, Receiver::start()?);
    let server = Server::start(folder.path(), &config(folder.path(), servers))?;
    let failing = [
        ("unavailable", receiver.url("unavailable")),  // answers 503
        ("refused", "http://127.0.0.1:1/".to_owned()), // nobody listens
        ("paused", receiver.url("paused")),
    ];
    for (name, url) in &failing {
        let id = subscribe(&server, name, url).await?;
        if *name == "paused" {
            server.post(&format!("{SUBSCRIPTIONS}/{id}/pause"), &json!({})).await?;
        }
    }
    subscribe(&server, "healthy", &receiver.url("healthy")).await?;

    server.publish(0, WAITING, |number| format!("bench.{}", failing[number % failing.len()].0)).await?;
    let all_wait = async {
        while waiting(&server).await? < WAITING {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, all_wait).await.context("not everything was routed")??;
    server.publish(WAITING, HEALTHY, |_| "bench.healthy".to_owned()).await?;
    let came = tokio::time::timeout(PATIENCE, receiver.reached(HEALTHY)).await;
    came.with_context(|| format!("a healthy endpoint got {} of {HEALTHY}", receiver.count()))?;
    let waiting = waiting(&server).await?;
    anyhow::ensure!(waiting >= WAITING, "{waiting} deliveries wait: they have not waited for what was measured");

    let peak = server.process.memory("VmHWM")? / 1024.0;
    let name = format!("webhooks {store}, peak memory, 100,000 waiting");
    report.value(&name, "MiB", Figure::of(vec![peak]), Target::AtMost(60.0));
    Ok(())
}

fn config(folder: &Path, servers: Option<&Servers>) -> String {
    let mut config = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {folder:?}\n[webhooks]\nallow_http = true\n\
         allow_networks = \"127.0.0.0/8\"\nencryption_keys = \"1:{KEY}\"\n"
    );
    if let Some(Servers { postgres, rabbit }) = servers {
        let database = postgres.url();
        config.push_str(&format!("[database]\nurl = \"{database}?schema=webhooks_memory\"\n"));
        if let Some(rabbit) = rabbit {
            config.push_str(&format!("[amqp]\nurl = \"{}\"\nexchange = \"webhooks_memory\"\n", rabbit.url()));
        }
    }
    config
}

/// Subscribes a URL to `bench.<name>`; answers the subscription's id.
async fn subscribe(server: &Server, name: &str, url: &str) -> anyhow::Result<String> {
    let wanted = json!({ "url": url, "events": [format!("bench.{name}")] });
    let made = server.post(SUBSCRIPTIONS, &wanted).await?;
    Ok(made["subscription_id"].as_str().context("a subscription has an id")?.to_owned())
}

/// Deliveries that are not ended.
async fn waiting(server: &Server) -> anyhow::Result<usize> {
    let depth = server.get("/api/v1/stats").await?;
    let count = |state: &str| depth[state].as_u64().context("a number of deliveries");
    Ok(usize::try_from(count("due")? + count("scheduled")? + count("leased")?)?)
}
