//! From publish to handled at ten events a second: in one process, and from one to another. Beside it a bare row that is
//! carried from one connection to another.

use std::sync::Arc;

use tokio::sync::mpsc;
use xtask::services::Postgres;

use super::{Node, Place, Word, carried::Carried};
use crate::{
    engine::Counter,
    latency::{at_ten_a_second, quantiles},
    report::{Report, Target},
};

pub(crate) async fn run(report: &mut Report, server: &Postgres, word: &Word) -> anyhow::Result<()> {
    let (group, targets) = match word {
        Word::Broker(_) => ("amqp", [4.0, 10.0]),
        _ => ("postgres", [3.0, 8.0]),
    };
    for processes in [1, 2] {
        let place = Place::new(server).await?;
        let (sender, mut times) = mpsc::unbounded_channel();
        let worker = Node::start(&place.url, word, Some(&Arc::new(Counter::with_times(sender)))).await?;
        let other = match processes {
            1 => None,
            _ => Some(Node::start(&place.url, word, None).await?),
        };
        let publisher = other.as_ref().unwrap_or(&worker).engine.publisher();
        let mut carried = Carried::start(&server.url(), place.store.schema()).await?;
        let (mut rounds, mut raw) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            raw.push(carried.at_ten_a_second().await?);
            rounds.push(at_ten_a_second(&publisher, &mut times).await?);
        }
        carried.close().await?;
        let of = if processes == 1 { "1 engine" } else { "2 engines" };
        let figures = quantiles(rounds).into_iter().zip(quantiles(raw));
        for (((figure, raw), quantile), target) in figures.zip(["p50", "p99"]).zip(targets) {
            let name = format!("{group} to handled, {}, {of}, {quantile}", word.name());
            report.value_beside(&name, "ms", figure, raw, Target::AtMost(target));
        }
        if let Some(other) = other {
            other.close().await;
        }
        worker.close().await;
        place.close().await?;
    }
    Ok(())
}
