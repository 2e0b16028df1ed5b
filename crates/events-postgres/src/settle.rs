//! Ending claims with what came of them.

use std::collections::{BTreeSet, HashSet};

use events_core::{
    Payload,
    delivery::{ErrorClass, Settlement, TargetEffect, Verdict},
    ports::SettleSummary,
};
use jiff::Timestamp;
use sqlx::{Row, postgres::PgArguments};

use crate::{arguments, database::Database, error::Failure, notifier::Notifier, rows, time::Time};

/// Ends claims.
pub(crate) async fn settle(
    database: &Database,
    notifier: &Notifier,
    settlements: &[Settlement],
) -> Result<SettleSummary, Failure> {
    if settlements.is_empty() {
        return Ok(SettleSummary::default());
    }
    let claim = |settlement: &Settlement| (settlement.delivery_id, settlement.lease);
    let mut seen = HashSet::with_capacity(settlements.len());
    let given: Vec<&Settlement> = settlements.iter().filter(|settlement| seen.insert(claim(settlement))).collect();
    let rows = database.change(include_str!("queries/settle.sql"), values(&given)?).await?;
    let places: Vec<i64> = rows.first().map(|row| row.try_get("held")).transpose()?.unwrap_or_default();
    let at = |place: i64| given.get(usize::try_from(place).ok()?.checked_sub(1)?);
    let mut held: HashSet<_> = places.into_iter().filter_map(at).map(|given| claim(given)).collect();
    let handlers: BTreeSet<&str> =
        given.iter().filter(|given| is_due_at_once(given)).map(|given| given.handler.as_str()).collect();
    notifier.handlers(handlers);
    let mut summary = SettleSummary::default();
    for settlement in settlements {
        // Removing it fences out a second settlement of the same claim.
        if held.remove(&claim(settlement)) {
            summary.settled += 1;
        } else {
            summary.fenced.push(settlement.delivery_id);
        }
    }
    Ok(summary)
}

/// Whether others have something to do now; retries come later, and are found by their time.
fn is_due_at_once(settlement: &Settlement) -> bool {
    settlement.verdict == Verdict::HandedBack
}

/// The settlements as columns.
fn values(given: &[&Settlement]) -> Result<PgArguments, Failure> {
    fn column<'a, T>(given: &[&'a Settlement], of: impl Fn(&'a Settlement) -> T) -> Vec<T> {
        given.iter().map(|settlement| of(settlement)).collect()
    }
    /// A column that few settlements have a value for. Without any it is sent empty, and the database fills it up.
    fn sparse<'a, T>(given: &[&'a Settlement], of: impl Fn(&'a Settlement) -> Option<T>) -> Vec<Option<T>> {
        let values = column(given, of);
        if values.iter().all(Option::is_none) { Vec::new() } else { values }
    }
    let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    Ok(arguments![
        column(given, |it| it.delivery_id.0),
        column(given, |it| it.lease.0),
        column(given, |it| it.seq.0),
        column(given, |it| it.handler.as_str()),
        column(given, |it| it.target.as_str()),
        column(given, |it| number(it.attempt)),
        column(given, |it| it.outcome().map(rows::outcome_word)),
        sparse(given, |it| due_again(it).map(|(due_at, _)| Time(due_at))),
        sparse(given, |it| due_again(it).map(|(_, attempts)| number(attempts))),
        sparse(given, |it| it.report.status.map(i32::from)),
        column(given, |it| i64::from(u32::try_from(it.report.duration.as_millis()).unwrap_or(u32::MAX))),
        sparse(given, |it| it.report.error_class.as_ref().map(ErrorClass::as_str)),
        sparse(given, |it| it.report.error.as_deref()),
        sparse(given, |it| it.report.response.as_deref()),
        sparse(given, |it| match it.target_effect {
            Some(TargetEffect::PauseUntil(until)) => Some(Time(until)),
            _ => None,
        }),
        sparse(given, |it| match &it.target_effect {
            Some(TargetEffect::Disable(reason)) => Some(reason.as_str()),
            _ => None,
        }),
        column(given, |it| Time(it.settled_at)),
        sparse(given, |it| it.report.detail.as_deref().map(Payload::as_str)),
    ])
}

/// When a delivery that does not end is due, and how many attempts it counts.
fn due_again(settlement: &Settlement) -> Option<(Timestamp, u32)> {
    match settlement.verdict {
        Verdict::RetryAt(due_at) => Some((due_at, settlement.attempt)),
        Verdict::HandedBack => Some((settlement.settled_at, settlement.attempt.saturating_sub(1))),
        Verdict::Done | Verdict::Dropped | Verdict::Dead => None,
    }
}
