//! Publishing: one caller, many callers, many events in a call.

use std::time::{Duration, Instant};

use crate::{
    engine::{event, events, store, without_handlers},
    raw::{Raw, quantile},
    report::{Figure, Report, Target},
};

const ROUNDS: usize = 7;

/// Publishing by itself, and beside a router that takes the events up: it writes to the same file.
pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let targets = [Target::AtMost(2.0), Target::AtLeast(0.12), Target::AtLeast(0.4)];
    measure(report, "", false, targets).await?;
    measure(report, ", while routing", true, [Target::Shown; 3]).await
}

async fn measure(report: &mut Report, beside: &str, routing: bool, targets: [Target; 3]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let mut raw = Raw::open(folder.path()).await?;
    let store = store(folder.path()).await?;
    let engine = without_handlers(&store);
    let publisher = engine.publisher();
    if !routing {
        engine.shut_down(Duration::from_secs(1)).await; // the publisher goes on
    }

    let (mut one, mut raw_one) = (Vec::new(), Vec::new());
    let (mut callers, mut calls, mut raw_rate) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        raw_one.push(quantile(&mut raw.commits(1, 1_000).await?, 0.5) * 1e6);
        let mut seconds = Vec::new();
        for number in 0..1_000 {
            let started = Instant::now();
            publisher.publish(event(number)).await?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        one.push(quantile(&mut seconds, 0.5) * 1e6);

        raw_rate.push(raw.rate().await?);
        let started = Instant::now();
        let tasks: Vec<_> = (0..64)
            .map(|caller| {
                let publisher = publisher.clone();
                tokio::spawn(async move {
                    for number in 0..200 {
                        publisher.publish(event(round + caller * 200 + number)).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        callers.push(64.0 * 200.0 / started.elapsed().as_secs_f64());

        raw_rate.push(raw.rate().await?);
        let started = Instant::now();
        for call in 0..40 {
            publisher.publish_all(events(call * 500, 500)).await?;
        }
        calls.push(40.0 * 500.0 / started.elapsed().as_secs_f64());
    }
    let name = |what: &str| format!("publish, {what}{beside}");
    let raw_rate = Figure::of(raw_rate);
    report.ratio(&name("one caller, p50"), "us", Figure::of(one), Figure::of(raw_one), targets[0]);
    report.ratio(&name("64 callers"), "/s", Figure::of(callers), raw_rate, targets[1]);
    report.ratio(&name("500 a call"), "/s", Figure::of(calls), raw_rate, targets[2]);
    engine.shut_down(Duration::from_secs(10)).await;
    store.close().await;
    Ok(())
}
