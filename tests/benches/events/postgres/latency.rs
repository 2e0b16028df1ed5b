//! From publish to handled at ten events a second: in one process, and from one to another.

use std::sync::Arc;

use tokio::sync::mpsc;
use xtask::services::Postgres;

use super::{Node, Place, Word};
use crate::{
    engine::Counter,
    latency::at_ten_a_second,
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
        let figures = at_ten_a_second(&publisher, &mut times).await?;
        let of = if processes == 1 { "1 engine" } else { "2 engines" };
        for ((figure, quantile), target) in figures.into_iter().zip(["p50", "p99"]).zip(targets) {
            let name = format!("{group} to handled, {}, {of}, {quantile}", word.name());
            report.value(&name, "ms", figure, Target::AtMost(target));
        }
        if let Some(other) = other {
            other.close().await;
        }
        worker.close().await;
        place.close().await?;
    }
    Ok(())
}
