//! Webhooks: how many a second beside bare calls of the same client, how soon, and whether an endpoint that hangs
//! slows another one down.

mod isolation;
mod latency;
mod receiver;
mod speed;
mod system;

use std::time::Instant;

use xtask::services::{Postgres, Rabbit};

use crate::report::Report;

const ROUNDS: usize = 3;

/// Runs the groups whose names are wanted.
pub(crate) async fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let stores = ["sqlite", "postgres"];
    for store in stores {
        let [speed, latency, isolation] =
            ["speed", "latency", "isolation"].map(|group| wanted(&format!("webhooks {store} {group}")));
        if !(speed || latency || isolation) {
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
        if speed {
            speed::run(report, store, servers.as_ref()).await?;
        }
        if latency {
            latency::run(report, store, servers.as_ref()).await?;
        }
        if isolation {
            isolation::run(report, store, servers.as_ref()).await?;
        }
    }
    Ok(())
}

type Servers = (Postgres, Rabbit);

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per_second(count: usize, started: Instant) -> f64 {
    count as f64 / started.elapsed().as_secs_f64()
}
