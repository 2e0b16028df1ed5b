//! Webhooks: how many a second beside bare calls of the same client, how soon, whether an endpoint that hangs slows
//! another one down, and what they cost: processor time, memory while many wait, lists while many are stored. On
//! SQLite, on PostgreSQL, and on PostgreSQL with RabbitMQ (`amqp`).

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
    for store in ["sqlite", "postgres", "amqp"] {
        let groups = groups.iter().filter(|group| wanted(&format!("webhooks {store} {group}")));
        // Lists are the store's alone.
        let groups: Vec<&str> = groups.copied().filter(|group| (store, *group) != ("amqp", "listing")).collect();
        if groups.is_empty() {
            continue;
        }
        if store != "sqlite" && !Postgres::is_installed() || store == "amqp" && !Rabbit::is_installed() {
            println!("webhooks {store}: skipped, no PostgreSQL or RabbitMQ found");
            continue;
        }
        let servers = match store {
            "sqlite" => None,
            "postgres" => Some(Servers { postgres: Postgres::start_durable()?, rabbit: None }),
            _ => Some(Servers { postgres: Postgres::start_durable()?, rabbit: Some(Rabbit::start()?) }),
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

/// Where there are none, the store is SQLite.
struct Servers {
    postgres: Postgres,
    /// What tells of deliveries; without it, PostgreSQL does.
    rabbit: Option<Rabbit>,
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
