//! Processor time for each delivery, from the first publish to the last settlement.
//!
//! Counted is what this process uses without the thread of the receiver: publishing, routing, sending, settling, and
//! SQLite, which is a part of it. With PostgreSQL, what the postmaster and all its children use is added: backends that
//! have ended, the writers and autovacuum among them. RabbitMQ is no database and is shown by itself.

use std::{fs, time::Duration};

use super::{ROUNDS, Servers, receiver::Receiver, system::System};
use crate::{
    latency::{processor_seconds, processor_seconds_with_ended},
    report::{Figure, Report, Target},
};

pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    for (count, endpoints, most, what) in
        [(20_000, 1, 500.0, "20,000 events to 1 endpoint"), (2_000, 10, 250.0, "2,000 events to 10 endpoints")]
    {
        let [mut together, mut engine, mut database, mut broker] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let used = of_deliveries(store, servers, count, endpoints).await?;
            together.push(used.engine + used.database);
            engine.push(used.engine);
            database.push(used.database);
            broker.push(used.broker);
        }
        let name = format!("webhooks {store}, CPU a delivery, {what}");
        report.value(&name, "us", Figure::of(together), Target::AtMost(most));
        if servers.is_some() {
            report.value(&format!("{name}: server"), "us", Figure::of(engine), Target::Shown);
            report.value(&format!("{name}: PostgreSQL"), "us", Figure::of(database), Target::Shown);
        }
        if servers.is_some_and(|servers| servers.rabbit.is_some()) {
            report.value(&format!("{name}: RabbitMQ, not counted"), "us", Figure::of(broker), Target::Shown);
        }
    }
    Ok(())
}

/// Processor time, in seconds since a start, or in microseconds for each delivery.
#[derive(Clone, Copy)]
struct Used {
    engine: f64,
    database: f64,
    broker: f64,
}

impl Used {
    fn so_far(receiver: &Receiver, servers: Option<&Servers>) -> anyhow::Result<Self> {
        let of = |pid: Option<u32>| pid.map_or(Ok(0.0), family_seconds);
        Ok(Self {
            engine: processor_seconds("self")? - receiver.processor_seconds()?,
            database: of(servers.and_then(|servers| servers.postgres.pid()))?,
            broker: of(servers.and_then(|servers| servers.rabbit.as_ref()?.pid()))?,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    fn since(self, before: Self, deliveries: usize) -> Self {
        let each = |now: f64, before: f64| (now - before) * 1e6 / deliveries as f64;
        Self {
            engine: each(self.engine, before.engine),
            database: each(self.database, before.database),
            broker: each(self.broker, before.broker),
        }
    }
}

async fn of_deliveries(store: &str, servers: Option<&Servers>, count: usize, endpoints: usize) -> anyhow::Result<Used> {
    let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
    for endpoint in 0..endpoints {
        system.subscribe(receiver.url(&format!("{endpoint}")), None).await?;
    }
    let before = Used::so_far(&receiver, servers)?;
    system.publish(count).await?;
    // Not `reached`, which would be woken for each request.
    while receiver.count() < count * endpoints {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    system.engine.shut_down(Duration::from_secs(30)).await;
    let used = Used::so_far(&receiver, servers)?.since(before, count * endpoints);
    anyhow::ensure!(receiver.count() == count * endpoints, "called {} times", receiver.count());
    system.close().await;
    Ok(used)
}

/// Processor time of a process and of its children, those that have ended included.
fn family_seconds(pid: u32) -> anyhow::Result<f64> {
    let mut seconds = processor_seconds_with_ended(&pid.to_string())?;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_process = name.bytes().all(|byte| byte.is_ascii_digit());
        // A process may end meanwhile; then its parent has its time at the next look.
        if is_process && parent(&name) == Some(pid) {
            seconds += processor_seconds_with_ended(&name).unwrap_or(0.0);
        }
    }
    Ok(seconds)
}

fn parent(pid: &str) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
