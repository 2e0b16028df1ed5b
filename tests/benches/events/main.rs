//! The benchmarks: every figure beside the raw limit of the same disk, measured in the same run.
//!
//! Machines are shared and noisy, so what is judged is a ratio. Each figure is the median of
//! several rounds, shown with its least and greatest; raw rounds lie between the others.
//!
//! What is measured at a quiet time comes first. Gigabytes of events leave the free memory of a machine in pieces, and a
//! virtual machine that has rested finds its way to each piece anew: whatever runs then, PostgreSQL and a bare row
//! included, takes a multiple of its time (docs/decisions/0035-an-event-at-a-quiet-time.md).

mod engine;
mod latency;
mod postgres;
mod publish;
mod raw;
mod report;
mod server;
mod webhooks;
mod work;

use report::Report;

/// The server's.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // As in a server, callers are tasks; `block_on` itself would be a thread of its own.
    let report = runtime.block_on(runtime.spawn(measure(names)))??;
    report.finish()
}

async fn measure(names: Vec<String>) -> anyhow::Result<Report> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| name.contains(wanted.as_str()));
    let mut report = Report::default();
    run(&mut report, |name| wanted(name) && is_at_a_quiet_time(name)).await?;
    run(&mut report, |name| wanted(name) && !is_at_a_quiet_time(name)).await?;
    Ok(report)
}

/// Whether a group measures a machine with little to do.
fn is_at_a_quiet_time(group: &str) -> bool {
    group.ends_with("latency") || group == "idle"
}

/// Runs the groups whose names are wanted.
async fn run(report: &mut Report, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    if wanted("latency") {
        latency::handled(report).await?;
    }
    if wanted("idle") {
        latency::idle(report).await?;
    }
    if wanted("publish") {
        publish::run(report).await?;
    }
    if wanted("emit") {
        latency::emit(report).await?;
    }
    if wanted("work") {
        work::run(report).await?;
    }
    if wanted("full") {
        work::with_a_million(report).await?;
    }
    if wanted("server") {
        server::run(report).await?;
    }
    postgres::run(report, &wanted).await?;
    webhooks::run(report, &wanted).await
}
