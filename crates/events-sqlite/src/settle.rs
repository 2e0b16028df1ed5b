//! Ending claims with what came of them.

use std::collections::HashMap;

use async_trait::async_trait;
use events_core::{
    DeliveryId,
    delivery::{ErrorClass, Settlement, TargetEffect, Verdict},
    ports::SettleSummary,
};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnection;

use crate::{attempts, error::Failure, operation::Operation, rows, schedule::Touched};

/// Ends claims.
pub(crate) struct Settle(pub(crate) Vec<Settlement>);

#[async_trait]
impl Operation for Settle {
    type Output = SettleSummary;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<SettleSummary, Failure> {
        let mut held = self.held(connection).await?;
        let mut changes = Changes::default();
        for settlement in &self.0 {
            // Removing it fences out a second settlement of the same claim.
            if held.get(&settlement.delivery_id) == Some(&settlement.lease.0) {
                held.remove(&settlement.delivery_id);
                changes.add(settlement);
            } else {
                changes.summary.fenced.push(settlement.delivery_id);
            }
        }
        changes.make(connection).await?;
        Ok(changes.summary)
    }
}

impl Settle {
    /// The current leases of the deliveries that are to be settled.
    async fn held(&self, connection: &mut SqliteConnection) -> Result<HashMap<DeliveryId, i64>, Failure> {
        let ids: Vec<DeliveryId> = self.0.iter().map(|settlement| settlement.delivery_id).collect();
        let held: String = sqlx::query_scalar(include_str!("queries/settle_held.sql"))
            .bind(crate::json(&ids)?)
            .fetch_one(connection)
            .await?;
        let held: Vec<(DeliveryId, i64)> = rows::json("deliveries", &held)?;
        Ok(held.into_iter().collect())
    }
}

/// What settlements change, statement by statement.
#[derive(Default)]
struct Changes<'a> {
    summary: SettleSummary,
    records: Vec<attempts::Row<'a>>,
    dead: Vec<Value>,
    ended: Vec<DeliveryId>,
    returned: Vec<Value>,
    targets: Vec<Value>,
    touched: Touched<'a>,
}

impl<'a> Changes<'a> {
    fn add(&mut self, settlement: &'a Settlement) {
        self.summary.settled += 1;
        self.records.extend(attempts::Row::of_settlement(settlement));
        match settlement.verdict {
            Verdict::Done | Verdict::Dropped => self.ended.push(settlement.delivery_id),
            Verdict::Dead => {
                self.dead.push(dead_letter(settlement));
                self.ended.push(settlement.delivery_id);
            }
            Verdict::RetryAt(due_at) => self.give_back(settlement, due_at, settlement.attempt),
            Verdict::HandedBack => {
                self.give_back(settlement, settlement.settled_at, settlement.attempt.saturating_sub(1));
            }
        }
        if let Some(effect) = &settlement.target_effect {
            let (paused_until, disabled_at, reason) = match effect {
                TargetEffect::PauseUntil(until) => (Some(until.as_microsecond()), None, None),
                TargetEffect::Disable(reason) => (None, Some(settlement.settled_at.as_microsecond()), Some(reason)),
            };
            let (handler, target) = (&settlement.handler, &settlement.target);
            self.targets.push(json!([handler, target, paused_until, disabled_at, reason]));
            self.touched.add(handler.as_str(), target.as_str());
        }
    }

    fn give_back(&mut self, settlement: &'a Settlement, due_at: jiff::Timestamp, attempts: u32) {
        self.returned.push(json!([settlement.delivery_id, due_at.as_microsecond(), attempts]));
        self.touched.add(settlement.handler.as_str(), settlement.target.as_str());
    }

    async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        attempts::append(connection, &self.records).await?;
        for (text, values) in [
            (include_str!("queries/settle_dead.sql"), &self.dead),
            (include_str!("queries/settle_return.sql"), &self.returned),
            (include_str!("queries/settle_target.sql"), &self.targets),
        ] {
            if !values.is_empty() {
                sqlx::query(text).bind(crate::json(values)?).execute(&mut *connection).await?;
            }
        }
        if !self.ended.is_empty() {
            let ended = crate::json(&self.ended)?;
            sqlx::query(include_str!("queries/settle_end.sql")).bind(ended).execute(&mut *connection).await?;
        }
        self.touched.schedule(connection).await
    }
}

fn dead_letter(settlement: &Settlement) -> Value {
    let report = &settlement.report;
    json!([
        settlement.delivery_id,
        settlement.attempt,
        report.error_class.as_ref().map_or("unknown", ErrorClass::as_str),
        report.error.as_deref().unwrap_or_default(),
        settlement.settled_at.as_microsecond(),
    ])
}
