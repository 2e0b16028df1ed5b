//! Making the deliveries of events.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use events_core::{
    Seq,
    delivery::{AttemptOutcome, ErrorClass},
    ports::{NewDelivery, RouteSummary, RoutedEvent},
};
use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteConnection};

use crate::{attempts, error::Failure, operation::Operation, rows, schedule::Touched, values::Insert};

static ROUTE: Insert = Insert::new(include_str!("queries/route.sql"), 6);

/// Takes events off the outbox and makes their deliveries.
pub(crate) struct Route {
    pub(crate) routed: Vec<RoutedEvent>,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Operation for Route {
    type Output = RouteSummary;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<RouteSummary, Failure> {
        let mut taken = self.take(connection).await?;
        let mut summary = RouteSummary { events: taken.len(), ..RouteSummary::default() };
        let routed: Vec<&RoutedEvent> = self.routed.iter().filter(|event| taken.remove(&event.seq)).collect();
        let mut touched = Touched::default();
        let mut cancelled = Vec::new();
        for run in runs(&routed) {
            cancelled.extend(self.cancel(connection, &run.cancellations).await?);
            insert(connection, &run.deliveries).await?;
            summary.deliveries += run.deliveries.len();
            for (_, delivery) in run.deliveries {
                touched.add(delivery.handler.as_str(), delivery.target.as_str());
            }
        }
        summary.cancelled = cancelled.len();
        attempts::append(connection, &cancelled).await?;
        let mut emptied = Touched::default();
        for (_, record) in &cancelled {
            touched.add(record.handler.as_str(), record.target.as_str());
            emptied.add(record.handler.as_str(), record.target.as_str());
        }
        touched.schedule(connection).await?;
        emptied.forget(connection).await?;
        Ok(summary)
    }
}

impl Route {
    /// The events that nobody has routed before.
    async fn take(&self, connection: &mut SqliteConnection) -> Result<HashSet<Seq>, Failure> {
        let seqs: Vec<Seq> = self.routed.iter().map(|event| event.seq).collect();
        let taken: Vec<i64> = sqlx::query_scalar(include_str!("queries/route_take.sql"))
            .bind(crate::json(&seqs)?)
            .fetch_all(connection)
            .await?;
        Ok(taken.into_iter().map(Seq).collect())
    }

    /// Drops what waits under the keys of a run, in the order of the events that cancel it.
    async fn cancel(
        &self,
        connection: &mut SqliteConnection,
        cancellations: &BTreeMap<&str, usize>,
    ) -> Result<Vec<attempts::Record>, Failure> {
        if cancellations.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<&&str> = cancellations.keys().collect();
        let rows = sqlx::query(include_str!("queries/route_cancel.sql"))
            .bind(crate::json(&keys)?)
            .fetch_all(connection)
            .await?;
        let mut records = Vec::with_capacity(rows.len());
        for row in &rows {
            const WHY: &str = "cancelled by a later event";
            let key: &str = row.try_get("cancel_key")?;
            let record = attempts::without_handler(row, AttemptOutcome::Dropped, ErrorClass::CANCELLED, WHY, self.now)?;
            records.push((cancellations.get(key), record));
        }
        records.sort_by_key(|(event, (_, record))| (*event, record.delivery_id));
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }
}

async fn insert(connection: &mut SqliteConnection, deliveries: &[(Seq, &NewDelivery)]) -> Result<(), Failure> {
    ROUTE
        .run(connection, deliveries, |values, (seq, delivery)| {
            values.push(seq.0)?;
            values.push(delivery.handler.as_str())?;
            values.push(delivery.target.as_str())?;
            values.push(delivery.due_at.as_microsecond())?;
            values.push(delivery.cancel_key.as_deref())?;
            values.push(delivery.guard.as_ref().map(rows::guard_text))
        })
        .await
}

/// Events that can be carried out together: all cancellations, then all deliveries.
#[derive(Debug, Default, PartialEq)]
struct Run<'a> {
    /// Each key with the place of the first event that cancels it.
    cancellations: BTreeMap<&'a str, usize>,
    deliveries: Vec<(Seq, &'a NewDelivery)>,
}

/// Splits a batch where an event cancels what an earlier one of the batch has planned. An event
/// cancels only what exists before its own deliveries, so the order matters there and nowhere else.
fn runs<'a>(routed: &[&'a RoutedEvent]) -> Vec<Run<'a>> {
    let mut runs = Vec::new();
    let mut run = Run::default();
    let mut planned = HashSet::new();
    for (place, event) in routed.iter().enumerate() {
        if event.cancellations.iter().any(|key| planned.contains(key.as_str())) {
            runs.push(std::mem::take(&mut run));
            planned.clear();
        }
        for key in &event.cancellations {
            run.cancellations.entry(key).or_insert(place);
        }
        run.deliveries.extend(event.deliveries.iter().map(|delivery| (event.seq, delivery)));
        planned.extend(event.deliveries.iter().filter_map(|delivery| delivery.cancel_key.as_deref()));
    }
    runs.push(run);
    runs
}
