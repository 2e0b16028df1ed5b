//! Webhooks: how many a second beside bare calls of the same client, how soon, whether an endpoint that hangs slows
//! another one down, and what they cost: processor time, memory while many wait, lists while many are stored.

mod cpu;
mod fill;
mod isolation;
mod latency;
mod listing;
mod memory;
mod receiver;
mod speed;
mod system;

use std::time::Instant;

use xtask::services::{Postgres, Rabbit};

use crate::report::Report;

const ROUNDS: usize = 5;

/// Runs the groups whose names are wanted.
pub(crate) async fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let groups = ["speed", "latency", "isolation", "cpu", "memory", "listing"];
    for store in ["sqlite", "postgres"] {
        let groups = groups.iter().filter(|group| wanted(&format!("webhooks {store} {group}")));
        let groups: Vec<&str> = groups.copied().collect();
        if groups.is_empty() {
            continue;
        }
        if store == "postgres" && !(Postgres::is_installed() && Rabbit::is_installed()) {
            println!("webhooks postgres: skipped, no PostgreSQL or RabbitMQ found");
            continue;
        }
        let servers = match store {
            "postgres" => Some((Postgres::start_durable()?, Rabbit::start()?)),
            _ => None,
        };
        for group in groups {
            let servers = servers.as_ref();
            match group {
                "speed" => speed::run(report, store, servers).await,
                "latency" => latency::run(report, store, servers).await,
                "isolation" => isolation::run(report, store, servers).await,
                "cpu" => cpu::run(report, store, servers).await,
                "memory" => memory::run(report, store, servers).await,
                _ => listing::run(report, store, servers).await,
            }?;
        }
    }
    Ok(())
}

/// PostgreSQL and RabbitMQ; where there are none, the store is SQLite.
type Servers = (Postgres, Rabbit);

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
