//! Making the deliveries of events.

mod runs;

use std::collections::HashSet;

use async_trait::async_trait;
use events_core::{
    DeliveryId, Seq,
    delivery::Lease,
    ports::{ClaimRequest, Leased, NewDelivery, RouteSummary, Routed, RoutedEvent, offered},
};
use jiff::Timestamp;
use sqlx::{
    Row,
    sqlite::{SqliteConnection, SqliteRow},
};

use crate::{
    error::Failure,
    operation::Operation,
    rows,
    schedule::Touched,
    values::{self, Insert, Values},
};

/// Of a delivery that is made.
const COLUMNS: usize = 6;

/// All that is to be done for events that cancel nothing.
static SIMPLE: Insert = Insert::new(script!("route", "route_take", "schedule", "forget"), COLUMNS);
/// The same when lanes wait for it; who gets what, and until when, comes after the other columns.
static OFFERING: Insert = Insert::new(script!("route_and_claim", "route_take", "schedule", "forget"), COLUMNS + 2);

/// Takes events off the outbox, makes their deliveries, and leases what it can to those who offer to work on it.
pub(crate) struct Route {
    pub(crate) routed: Vec<RoutedEvent>,
    pub(crate) offers: Vec<ClaimRequest>,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Operation for Route {
    type Output = Routed;

    fn commits_itself(&self) -> bool {
        self.is_simple()
    }

    /// A power loss puts the events back on the list, and they are routed again.
    fn waits_for_disk(&self) -> bool {
        false
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Routed, Failure> {
        if self.is_simple() {
            return self.simple(connection).await;
        }
        Ok(Routed { summary: self.in_runs(connection).await?, leased: Vec::new() })
    }
}

impl Route {
    /// Whether nothing is cancelled, and one statement has room for all deliveries.
    fn is_simple(&self) -> bool {
        self.routed.iter().all(|event| event.cancellations.is_empty())
            && self.routed.iter().map(|event| event.deliveries.len()).sum::<usize>() <= values::MOST
    }

    /// The deliveries to be made, those of an event that is given twice once.
    fn planned(&self) -> Vec<Planned<'_>> {
        let (mut seen, mut first) = (HashSet::with_capacity(self.routed.len()), 0);
        let mut planned = Vec::new();
        for event in &self.routed {
            if seen.insert(event.seq) {
                planned.extend((first..).zip(of_event(event)).map(|(place, (seq, new))| Planned { place, seq, new }));
            }
            first += event.deliveries.len();
        }
        planned
    }

    /// Everything in one script.
    async fn simple(&self, connection: &mut SqliteConnection) -> Result<Routed, Failure> {
        let planned = self.planned();
        let script = if self.offers.is_empty() {
            SIMPLE.script(&planned, |values, it| bind(values, &(it.seq, it.new)))?
        } else {
            let new: Vec<&NewDelivery> = planned.iter().map(|it| it.new).collect();
            let offered: Vec<_> = planned.iter().zip(offered(&new, &self.offers, self.now)).collect();
            let script = OFFERING.script(&offered, |values, (it, offer)| {
                bind(values, &(it.seq, it.new))?;
                values.push(offer.map(|offer| offer.lease_until(self.now).as_microsecond()))?;
                values.push(offer.map(|offer| offer.worker.as_str()))
            });
            script?.bind(self.now.as_microsecond())
        };
        let mut touched = Touched::default();
        planned.iter().for_each(|it| touched.add(it.new.handler.as_str(), it.new.target.as_str()));
        let touched = touched.json()?;
        let script = script.bind(self.seqs()?).bind(touched.as_str()).bind(touched.as_str());
        routed(&planned, &script.fetch_all(connection).await?)
    }

    /// The places of the events, as JSON.
    fn seqs(&self) -> Result<String, Failure> {
        crate::json(&self.routed.iter().map(|event| event.seq).collect::<Vec<_>>())
    }
}

/// A delivery to be made.
struct Planned<'a> {
    /// Its place among all that were given.
    place: usize,
    seq: Seq,
    new: &'a NewDelivery,
}

/// What was done, from what the statements answer: a row for each event that was on the list, and, where lanes wait, one
/// for each delivery, whose ids grow in the order in which they were made.
fn routed(planned: &[Planned<'_>], rows: &[SqliteRow]) -> Result<Routed, Failure> {
    let (made, taken): (Vec<&SqliteRow>, Vec<&SqliteRow>) = rows.iter().partition(|row| row.len() > 1);
    let taken: HashSet<Seq> = taken.into_iter().map(|row| row.try_get(0).map(Seq)).collect::<Result<_, _>>()?;
    let mut made: Vec<(i64, i64)> =
        made.into_iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Failure>>()?;
    made.sort_unstable();
    let planned: Vec<&Planned<'_>> = planned.iter().filter(|it| taken.contains(&it.seq)).collect();
    let leased = planned.iter().zip(made).filter(|(_, (_, lease))| *lease > 0).map(|(it, (delivery_id, lease))| {
        Leased { place: it.place, delivery_id: DeliveryId(delivery_id), lease: Lease(lease) }
    });
    let summary = RouteSummary { events: taken.len(), deliveries: planned.len(), cancelled: 0 };
    Ok(Routed { summary, leased: leased.collect() })
}

fn of_event(event: &RoutedEvent) -> impl Iterator<Item = (Seq, &NewDelivery)> {
    event.deliveries.iter().map(|delivery| (event.seq, delivery))
}

fn bind(values: &mut Values, (seq, delivery): &(Seq, &NewDelivery)) -> Result<(), Failure> {
    values.push(seq.0)?;
    values.push(delivery.handler.as_str())?;
    values.push(delivery.target.as_str())?;
    values.push(delivery.due_at.as_microsecond())?;
    values.push(delivery.cancel_key.as_deref())?;
    values.push(delivery.guard.as_ref().map(rows::guard_text))
}
