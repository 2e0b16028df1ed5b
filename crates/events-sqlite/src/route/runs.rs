//! Events that cancel: step by step, because they may cancel what others of the batch have planned.

use std::collections::{BTreeMap, HashSet};

use events_core::{
    Seq,
    delivery::{AttemptOutcome, ErrorClass},
    ports::{NewDelivery, RouteSummary, RoutedEvent},
};
use sqlx::{Row, sqlite::SqliteConnection};

use super::{COLUMNS, Route, bind, of_event};
use crate::{attempts, error::Failure, schedule::Touched, values::Insert};

static ROUTE: Insert = Insert::new(include_str!("../queries/route.sql"), COLUMNS);

impl Route {
    /// Routes the events run by run.
    pub(super) async fn in_runs(&self, connection: &mut SqliteConnection) -> Result<RouteSummary, Failure> {
        let mut waiting = self.waiting(connection).await?;
        let mut summary = RouteSummary { events: waiting.len(), ..RouteSummary::default() };
        let routed: Vec<&RoutedEvent> = self.routed.iter().filter(|event| waiting.remove(&event.seq)).collect();
        let mut touched = Touched::default();
        let mut cancelled = Vec::new();
        for run in runs(&routed) {
            cancelled.extend(self.cancel(connection, &run.cancellations).await?);
            ROUTE.run(connection, &run.deliveries, bind).await?;
            summary.deliveries += run.deliveries.len();
            for (_, delivery) in run.deliveries {
                touched.add(delivery.handler.as_str(), delivery.target.as_str());
            }
        }
        summary.cancelled = cancelled.len();
        attempts::append(connection, &cancelled.iter().map(Into::into).collect::<Vec<_>>()).await?;
        cancelled.iter().for_each(|(_, record)| touched.add(record.handler.as_str(), record.target.as_str()));
        let take = sqlx::query(include_str!("../queries/route_take.sql"));
        take.bind(self.seqs()?).execute(&mut *connection).await?;
        touched.schedule(connection).await?;
        Ok(summary)
    }

    /// The events that nobody has routed before.
    async fn waiting(&self, connection: &mut SqliteConnection) -> Result<HashSet<Seq>, Failure> {
        let waiting = sqlx::query_scalar(include_str!("../queries/route_waiting.sql")).bind(self.seqs()?);
        Ok(waiting.fetch_all(connection).await?.into_iter().map(Seq).collect())
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
        let rows = sqlx::query(include_str!("../queries/route_cancel.sql"))
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
        run.deliveries.extend(of_event(event));
        planned.extend(event.deliveries.iter().filter_map(|delivery| delivery.cancel_key.as_deref()));
    }
    runs.push(run);
    runs
}
