//! Working: a backlog, and publishing and working together.

use std::{sync::Arc, time::Instant};

use events_core::{
    Clock, EventStore,
    ports::{NewDelivery, RoutedEvent},
};
use xtask::services::Postgres;

use super::{BACKLOG, Node, Place, ROUNDS, Word, per_second};
use crate::{
    engine::{Counter, events},
    report::{Figure, Report, Target},
};

pub(crate) async fn run(report: &mut Report, server: &Postgres) -> anyhow::Result<()> {
    let (mut one, mut many, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wal, mut wal_many) = (Vec::new(), Vec::new());
    let (mut together, mut unnest) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut place = Place::new(server).await?;
        raw.push(place.raw.work_off(BACKLOG).await?);
        let (rate, bytes) = work_off(&mut place, 1).await?;
        one.push(rate);
        wal.push(bytes);
        place.close().await?;
        let mut place = Place::new(server).await?;
        let (rate, bytes) = work_off(&mut place, 50).await?;
        many.push(rate);
        wal_many.push(bytes);
        place.close().await?;
        let mut place = Place::new(server).await?;
        unnest.push(place.raw.unnest(100).await?);
        together.push(publish_and_process(&place, &Word::Notify).await?);
        place.close().await?;
    }
    let raw = Figure::of(raw);
    report.ratio("postgres backlog of 50,000, one target", "/s", Figure::of(one), raw, Target::AtLeast(0.5));
    report.ratio("postgres backlog of 50,000, 50 targets", "/s", Figure::of(many), raw, Target::AtLeast(0.5));
    report.value("postgres WAL of a delivery, one target", "B", Figure::of(wal), Target::AtMost(1_536.0));
    report.value("postgres WAL of a delivery, 50 targets", "B", Figure::of(wal_many), Target::AtMost(1_536.0));
    let name = "postgres publish and process, NOTIFY";
    report.ratio(name, "/s", Figure::of(together), Figure::of(unnest), Target::AtLeast(0.1));
    Ok(())
}

/// Publishing and working together, with word through the broker.
pub(crate) async fn through_broker(report: &mut Report, server: &Postgres, word: &Word) -> anyhow::Result<()> {
    let (mut together, mut unnest) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut place = Place::new(server).await?;
        unnest.push(place.raw.unnest(100).await?);
        together.push(publish_and_process(&place, word).await?);
        place.close().await?;
    }
    let name = "amqp publish and process, RabbitMQ";
    report.ratio(name, "/s", Figure::of(together), Figure::of(unnest), Target::AtLeast(0.08));
    Ok(())
}

/// Deliveries a second from a backlog, and the bytes of log that each took to be routed, claimed and settled.
async fn work_off(place: &mut Place, targets: usize) -> anyhow::Result<(f64, f64)> {
    let node = Node::start(&place.url, &Word::Polling, None).await?;
    let publisher = node.engine.publisher();
    for call in 0..BACKLOG / 500 {
        publisher.publish_all(events(call * 500, 500)).await?;
    }
    node.close().await;
    let before = place.raw.wal().await?;
    route_all(place, targets).await?;
    let counter = Arc::new(Counter::default());
    let store = Node::open(&place.url).await?; // the raw queue's connection is open, too
    let started = Instant::now();
    let node = Node::start_on(store, &Word::Polling, Some(&counter)).await?;
    counter.reached(BACKLOG).await;
    node.settled().await;
    let rate = per_second(BACKLOG, started);
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    let bytes = (place.raw.wal().await? - before) / BACKLOG as f64;
    node.close().await;
    place.is_drained().await?;
    Ok((rate, bytes))
}

/// Makes a delivery of each event, to one target after the other.
async fn route_all(place: &Place, targets: usize) -> anyhow::Result<()> {
    loop {
        let unrouted = place.store.unrouted(500).await?;
        if unrouted.is_empty() {
            return Ok(());
        }
        let now = place.store.clock().now();
        let routed = unrouted.iter().enumerate().map(|(at, stored)| RoutedEvent {
            seq: stored.seq,
            deliveries: vec![NewDelivery {
                handler: "noop".into(),
                target: format!("target_{}", at % targets).as_str().into(),
                due_at: now,
                cancel_key: None,
                guard: None,
            }],
            cancellations: Vec::new(),
        });
        place.store.route(routed.collect(), now).await?;
    }
}

/// Events a second from the first publish to the last settlement.
pub(crate) async fn publish_and_process(place: &Place, word: &Word) -> anyhow::Result<f64> {
    let counter = Arc::new(Counter::default());
    let node = Node::start(&place.url, word, Some(&counter)).await?;
    let started = Instant::now();
    let publisher = node.engine.publisher();
    for call in 0..BACKLOG / 500 {
        publisher.publish_all(events(call * 500, 500)).await?;
    }
    counter.reached(BACKLOG).await;
    node.settled().await;
    let rate = per_second(BACKLOG, started);
    node.close().await;
    place.is_drained().await?;
    Ok(rate)
}
