//! The benchmarks: every figure beside the raw limit of the same disk, measured in the same run.
//!
//! Machines are shared and noisy, so what is judged is a ratio. Each figure is the median of
//! several rounds, shown with its least and greatest; raw rounds lie between the others.

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
    if wanted("publish") {
        publish::run(&mut report).await?;
    }
    if wanted("emit") {
        latency::emit(&mut report).await?;
    }
    if wanted("latency") {
        latency::handled(&mut report).await?;
    }
    if wanted("idle") {
        latency::idle(&mut report).await?;
    }
    if wanted("work") {
        work::run(&mut report).await?;
    }
    if wanted("full") {
        work::with_a_million(&mut report).await?;
    }
    if wanted("server") {
        server::run(&mut report).await?;
    }
    postgres::run(&mut report, wanted).await?;
    webhooks::run(&mut report, wanted).await?;
    Ok(report)
}
