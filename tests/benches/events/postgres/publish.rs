//! Publishing: one caller, eight callers, many events in a call.

use std::time::Instant;

use xtask::services::Postgres;

use super::{Node, Place, Word, per_second};
use crate::{
    engine::{event, events},
    raw::quantile,
    report::{Figure, Report, Target},
};

const ROUNDS: usize = 5;
const CALLERS: usize = 8;

pub(crate) async fn run(report: &mut Report, server: &Postgres) -> anyhow::Result<()> {
    let mut place = Place::new(server).await?;
    let node = Node::start(&place.url, &Word::Notify, None).await?;
    let publisher = node.engine.publisher();
    let (mut one, mut raw_one) = (Vec::new(), Vec::new());
    let (mut callers, mut raw_callers) = (Vec::new(), Vec::new());
    let (mut calls, mut raw_calls) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw_one.push(place.raw.one_by_one(1_000).await? * 1e6);
        let mut seconds = Vec::new();
        for number in 0..1_000 {
            let event = event(number);
            let started = Instant::now();
            publisher.publish(event).await?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        one.push(quantile(&mut seconds, 0.5) * 1e6);

        raw_callers.push(place.raw.side_by_side(CALLERS, 500).await?);
        let started = Instant::now();
        let tasks: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let publisher = publisher.clone();
                tokio::spawn(async move {
                    for number in 0..500 {
                        publisher.publish(event(caller * 500 + number)).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        callers.push(per_second(CALLERS * 500, started));

        raw_calls.push(place.raw.unnest(40).await?);
        let calls_of_500: Vec<_> = (0..40).map(|call| events(call * 500, 500)).collect();
        let started = Instant::now();
        for events in calls_of_500 {
            publisher.publish_all(events).await?;
        }
        calls.push(per_second(40 * 500, started));
    }
    let judged = [
        ("one caller, p50", "us", one, raw_one, Target::AtMost(2.0)),
        ("8 callers", "/s", callers, raw_callers, Target::AtLeast(0.6)),
        ("500 a call", "/s", calls, raw_calls, Target::AtLeast(0.5)),
    ];
    for (what, unit, rounds, raw, target) in judged {
        report.ratio(&format!("postgres publish, {what}"), unit, Figure::of(rounds), Figure::of(raw), target);
    }
    node.close().await;
    place.close().await
}
