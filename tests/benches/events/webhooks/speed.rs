//! Deliveries a second beside bare calls of the same client.

use std::time::{Duration, Instant};

use super::{ROUNDS, Servers, per_second, receiver::Receiver, system::System};
use crate::report::{Figure, Report, Target};

/// Calls of the bare client at once: as many as an endpoint gets at most.
const AT_ONCE: usize = 64;

/// Deliveries a second from the first publish to the last settlement, beside bare calls.
pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let least = if servers.is_none() { 0.25 } else { 0.2 };
    let (mut bare, mut one, mut ten) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_calls(60_000).await?);
        one.push(delivered(store, servers, 20_000, 1).await?);
        ten.push(delivered(store, servers, 2_000, 10).await?);
    }
    let bare = Figure::of(bare);
    let name = format!("webhooks {store}, 20,000 events to 1 endpoint");
    report.ratio(&name, "/s", Figure::of(one), bare, Target::AtLeast(least));
    let name = format!("webhooks {store}, 2,000 events to 10 endpoints");
    report.ratio(&name, "/s", Figure::of(ten), bare, Target::AtLeast(least));
    Ok(())
}

/// POSTs a second of the bare client, with a body of the same size.
async fn bare_calls(count: usize) -> anyhow::Result<f64> {
    let receiver = Receiver::start()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = serde_json::to_vec(&crate::engine::complete(1))?;
    let started = Instant::now();
    let calls = (0..AT_ONCE).map(|_| {
        let (client, url, body) = (client.clone(), receiver.url(""), body.clone());
        tokio::spawn(async move {
            for _ in 0..count / AT_ONCE {
                client.post(&url).body(body.clone()).send().await?.error_for_status()?.bytes().await?;
            }
            anyhow::Ok(())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await??;
    }
    Ok(per_second(receiver.count(), started))
}

async fn delivered(store: &str, servers: Option<&Servers>, count: usize, endpoints: usize) -> anyhow::Result<f64> {
    let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
    for endpoint in 0..endpoints {
        system.subscribe(receiver.url(&format!("{endpoint}")), None).await?;
    }
    let started = Instant::now();
    system.publish(count).await?;
    receiver.reached(count * endpoints).await;
    system.engine.shut_down(Duration::from_secs(30)).await; // settled, which is part of it
    let rate = per_second(count * endpoints, started);
    anyhow::ensure!(receiver.count() == count * endpoints, "called {} times", receiver.count());
    system.close().await;
    Ok(rate)
}
