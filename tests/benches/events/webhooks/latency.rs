//! How soon an event is at its endpoint.

use std::time::{Duration, Instant};

use anyhow::Context;

use super::{ROUNDS, Servers, receiver::Receiver, system::System};
use crate::{
    raw::quantile,
    report::{Figure, Report, Target},
};

/// From publish to the endpoint at fifty events a second.
pub(super) async fn run(report: &mut Report, store: &str, servers: Option<&Servers>) -> anyhow::Result<()> {
    let (system, receiver) = (System::start(store, servers).await?, Receiver::start()?);
    system.subscribe(receiver.url("timed"), None).await?;
    let [p50, p99] = at_fifty_a_second(&system, &receiver, 500).await?;
    report.value(&format!("webhooks {store}, publish to delivered at 50/s, p50"), "ms", p50, Target::AtMost(4.0));
    report.value(&format!("webhooks {store}, publish to delivered at 50/s, p99"), "ms", p99, Target::AtMost(10.0));
    system.close().await;
    Ok(())
}

/// Publishes fifty events a second, in three rounds; p50 and p99 from publishing to the endpoint in milliseconds.
pub(super) async fn at_fifty_a_second(
    system: &System,
    receiver: &Receiver,
    events: usize,
) -> anyhow::Result<[Figure; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let mut millis = Vec::with_capacity(events);
        for number in 0..events {
            ticks.tick().await;
            let before = receiver.count();
            let published = Instant::now();
            system.engine.publisher().publish(crate::engine::event(round * events + number)).await?;
            receiver.reached(before + 1).await;
            let arrived = receiver.times().pop().context("nothing arrived")?;
            millis.push(arrived.duration_since(published).as_secs_f64() * 1e3);
        }
        for (quantiles, which) in rounds.iter_mut().zip([0.5, 0.99]) {
            quantiles.push(quantile(&mut millis, which));
        }
    }
    Ok(rounds.map(Figure::of))
}
