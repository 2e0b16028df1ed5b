//! The task that owns the consuming connection, with one channel for each handler.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, future::join_all};
use lapin::{
    Connection,
    options::{BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use tokio_util::sync::CancellationToken;

use crate::{
    address::Address,
    backoff::Backoff,
    health::{Health, Part},
    lane::Lane,
    link::{Link, Plug, reason},
    receipt::Generation,
    topology::{self, Names, short},
};

pub(crate) struct Consumer {
    pub(crate) address: Arc<Address>,
    pub(crate) names: Names,
    pub(crate) passive: bool,
    pub(crate) health: Arc<Health>,
    pub(crate) plug: Plug,
    /// Each handler's lane, and how many references it holds.
    pub(crate) lanes: Vec<(Arc<Lane>, u16)>,
    pub(crate) closing: CancellationToken,
    /// Channels opened so far.
    pub(crate) generations: AtomicU64,
}

impl Consumer {
    /// Connects, consumes, and connects again, until it is closed.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let reason = tokio::select! {
                biased;
                () = self.closing.cancelled() => None,
                link = Link::open(&self.address, "consuming", &self.plug) => match link {
                    Ok(link) => self.connection(link).await,
                    Err(reason) => Some(reason),
                },
            };
            let Some(reason) = reason else { return };
            for (lane, _) in &self.lanes {
                self.away(lane, &reason);
            }
            tokio::select! {
                () = self.closing.cancelled() => return,
                () = tokio::time::sleep(backoff.after(begun.elapsed())) => {}
            }
        }
    }

    /// One connection, from its beginning to its end. Answers why it was lost, if it was.
    async fn connection(&self, mut link: Link) -> Option<String> {
        let lanes = self.lanes.iter().map(|(lane, prefetch)| self.lane(&link.connection, lane, *prefetch));
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            reason = link.watch.loss() => return Some(reason),
            _ = join_all(lanes) => return Some("the connection was lost".to_owned()),
        }
        link.close().await;
        None
    }

    /// Consumes one handler's queue, again and again: a queue that is deleted, or a channel that
    /// breaks, stops no other handler. Ends with the connection.
    async fn lane(&self, connection: &Connection, lane: &Lane, prefetch: u16) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let reason = match self.channel(connection, lane, prefetch).await {
                Ok(()) => "the broker ended the consumer; was the queue deleted?".to_owned(),
                Err(error) => error,
            };
            if !connection.status().connected() {
                return; // the connection knows better why
            }
            self.away(lane, &reason);
            tokio::time::sleep(backoff.after(begun.elapsed())).await;
        }
    }

    /// One channel, until the broker ends it.
    async fn channel(&self, connection: &Connection, lane: &Lane, prefetch: u16) -> Result<(), String> {
        let told = |error: lapin::Error| reason(&error);
        topology::ensure(connection, &self.names, std::slice::from_ref(&lane.handler), self.passive).await?;
        let channel = connection.create_channel().await.map_err(told)?;
        // Not global: for this consumer. 0 would be without limit.
        let options = BasicQosOptions { global: false };
        channel.basic_qos(prefetch.max(1), options).await.map_err(told)?;
        let generation = Generation::new(self.generations.fetch_add(1, Ordering::Relaxed));
        // Before the first message can come.
        lane.open(generation, channel.clone());
        self.health.up(Part::Consuming(lane.handler.clone()));
        lane.asked().await;
        // Not exclusive: all processes share the queue. With acknowledgements: what this one holds
        // when it dies goes to another.
        let options = BasicConsumeOptions { exclusive: false, no_ack: false, ..Default::default() };
        // Without a tag the broker makes one that is not used yet.
        let (queue, tag) = (short(&self.names.queue(&lane.handler)), short(""));
        let consumer = channel.basic_consume(queue, tag, options, FieldTable::default()).await;
        let mut consumer = consumer.map_err(|error| topology::absence(&error, self.passive))?;
        while let Some(delivery) = consumer.next().await {
            lane.arrive(&delivery.map_err(told)?)?;
        }
        Ok(())
    }

    fn away(&self, lane: &Lane, reason: &str) {
        lane.close(&self.address.clean(reason));
        self.health.down(Part::Consuming(lane.handler.clone()), reason);
    }
}
