//! Latency: of a call to emit, from publish to handled, and what an idle engine costs.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use events_core::Publisher;
use tokio::sync::mpsc;

use crate::{
    engine::{Counter, event, store, with_counter},
    raw::{Raw, quantile},
    report::{Figure, Report, Target},
};

/// How long the application waits in `emit`, while events flow.
pub(crate) async fn emit(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let store = store(folder.path()).await?;
    let engine = with_counter(&store, &Arc::new(Counter::default()));
    let emitter = engine.emitter();
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let mut micros = Vec::new();
        for number in 0..4_000 {
            let event = event(number);
            let started = Instant::now();
            emitter.emit(event);
            micros.push(started.elapsed().as_secs_f64() * 1e6);
        }
        emitter.flush().await;
        rounds.push(quantile(&mut micros, 0.99));
    }
    report.value("emit, one call, p99", "us", Figure::of(rounds), Target::AtMost(20.0));
    engine.shut_down(Duration::from_secs(10)).await;
    store.close().await;
    Ok(())
}

/// From publish to handled at ten events a second. Beside it a commit of a bare row at the same pace.
pub(crate) async fn handled(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let store = store(folder.path()).await?;
    let (sender, mut times) = mpsc::unbounded_channel();
    let engine = with_counter(&store, &Arc::new(Counter::with_times(sender)));
    let mut bare = Raw::open(folder.path()).await?;
    let (mut rounds, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        raw.push(bare.at_ten_a_second().await?);
        rounds.push(at_ten_a_second(&engine.publisher(), &mut times).await?);
    }
    let figures = quantiles(rounds).into_iter().zip(quantiles(raw));
    for ((figure, raw), (quantile, target)) in figures.zip([("p50", 2.0), ("p99", 6.0)]) {
        let name = format!("publish to handled at 10/s, {quantile}");
        report.value_beside(&name, "ms", figure, raw, Target::AtMost(target));
    }
    engine.shut_down(Duration::from_secs(10)).await;
    store.close().await;
    Ok(())
}

/// Publishes ten events a second for ten seconds, whatever is still under way; how long each took, in milliseconds.
pub(crate) async fn at_ten_a_second(
    publisher: &Publisher,
    times: &mut mpsc::UnboundedReceiver<Instant>,
) -> anyhow::Result<Vec<f64>> {
    let mut started = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for number in 0..100 {
        tick.tick().await;
        started.push(Instant::now());
        publisher.publish(event(number)).await?;
    }
    let mut millis = Vec::new();
    for started in started {
        let Some(handled) = times.recv().await else { anyhow::bail!("nothing was handled") };
        millis.push(handled.duration_since(started).as_secs_f64() * 1e3);
    }
    Ok(millis)
}

/// The p50 and the p99 of several rounds.
pub(crate) fn quantiles(mut rounds: Vec<Vec<f64>>) -> [Figure; 2] {
    [0.5, 0.99].map(|of| Figure::of(rounds.iter_mut().map(|millis| quantile(millis, of)).collect()))
}

/// Processor time of an engine with nothing to do, in percent of one core.
pub(crate) async fn idle(report: &mut Report) -> anyhow::Result<()> {
    const WATCHED: Duration = Duration::from_secs(20);
    let folder = tempfile::tempdir_in(".")?;
    let store = store(folder.path()).await?;
    let engine = with_counter(&store, &Arc::new(Counter::default()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = processor_seconds("self")?;
    tokio::time::sleep(WATCHED).await;
    let percent = (processor_seconds("self")? - before) / WATCHED.as_secs_f64() * 100.0;
    report.value("idle engine, share of one core", "%", Figure::of(vec![percent]), Target::AtMost(1.0));
    engine.shut_down(Duration::from_secs(10)).await;
    store.close().await;
    Ok(())
}

/// User and system time of a process, or of a thread by its directory below `/proc`, in ticks of 10 ms.
pub(crate) fn processor_seconds(process: &str) -> anyhow::Result<f64> {
    ticks_in_seconds(process, 2)
}

/// The same with the children of the process that have ended.
pub(crate) fn processor_seconds_with_ended(process: &str) -> anyhow::Result<f64> {
    ticks_in_seconds(process, 4)
}

fn ticks_in_seconds(process: &str, fields: usize) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(11).take(fields);
    Ok(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}
