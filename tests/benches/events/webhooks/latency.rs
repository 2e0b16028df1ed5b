//! How soon an event is at its endpoint.

use std::time::{Duration, Instant};

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

/// Publishes fifty events a second, in rounds, whatever is still under way; p50 and p99 from publishing to the endpoint in milliseconds.
pub(super) async fn at_fifty_a_second(
    system: &System,
    receiver: &Receiver,
    events: usize,
) -> anyhow::Result<[Figure; 2]> {
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        let before = receiver.count();
        let mut published = Vec::with_capacity(events);
        for number in 0..events {
            ticks.tick().await;
            published.push(Instant::now());
            system.engine.publisher().publish(crate::engine::event(round * events + number)).await?;
        }
        receiver.reached(before + events).await;
        let arrived = receiver.times();
        anyhow::ensure!(arrived.len() == events, "{} of {events} arrived", arrived.len());
        let took = arrived.iter().zip(&published).map(|(arrived, published)| arrived.duration_since(*published));
        let mut millis: Vec<f64> = took.map(|took| took.as_secs_f64() * 1e3).collect();
        for (quantiles, which) in rounds.iter_mut().zip([0.5, 0.99]) {
            quantiles.push(quantile(&mut millis, which));
        }
    }
    Ok(rounds.map(Figure::of))
}
