//! Leasing due deliveries to a worker, fairly and no faster than each target's pace.

use std::{borrow::Cow, fmt::Display};

use async_trait::async_trait;
use events_core::{
    Delivery, DeliveryId, HandlerName, Seq, StoredEvent, Target,
    delivery::{Guard, Lease, Pacing, Turn, turns},
    ports::{Allowances, ClaimRequest},
};
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;

use crate::{error::Failure, operation::Operation, rows, schedule::Touched};

/// Of more targets that are ready, those that were ready first have their turn.
const LOOKED_AT: usize = 1_024;

/// Leases deliveries of one handler. The events they carry never change, so they are read
/// afterwards and elsewhere: the writer is free again.
pub(crate) struct Claim(pub(crate) ClaimRequest);

/// A leased delivery without its event.
pub(crate) struct Claimed {
    /// Place of its target among those that were asked.
    place: usize,
    delivery_id: DeliveryId,
    pub(crate) seq: Seq,
    target: Target,
    due_at: Timestamp,
    /// Attempts and lease before this claim.
    attempts: u32,
    lease: i64,
    guard: Option<Guard>,
}

#[async_trait]
impl Operation for Claim {
    type Output = Vec<Claimed>;

    fn commits_itself(&self) -> bool {
        true
    }

    /// A power loss ends the worker with its claim, and the delivery is due again.
    fn waits_for_disk(&self) -> bool {
        false
    }

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Vec<Claimed>, Failure> {
        let mut targets = self.ready(connection).await?;
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let (mut claimed, paced) = match &self.0.pacing {
            None => (self.share(connection, &mut targets).await?, Vec::new()),
            Some(pacing) => self.pace(&mut targets, pacing),
        };
        claimed.sort_by_key(|delivery| (delivery.place, delivery.due_at, delivery.delivery_id));
        let ids: Vec<DeliveryId> = claimed.iter().map(|delivery| delivery.delivery_id).collect();
        let mut touched = Touched::default();
        targets.iter().for_each(|ready| touched.add(self.0.handler.as_str(), ready.target.as_str()));
        let touched = touched.json()?;
        sqlx::query(script!("claim_pace", "claim", "schedule", "forget"))
            .bind(crate::json(&paced)?)
            .bind(self.0.lease_until(self.0.now).as_microsecond())
            .bind(self.0.worker.as_str())
            .bind(crate::json(&ids)?)
            .bind(touched.as_str())
            .bind(touched.as_str())
            .execute(connection)
            .await?;
        Ok(claimed)
    }
}

/// A target with something due.
struct Ready {
    target: Target,
    paced_until: Option<Timestamp>,
    /// What it gives before others give more; decides nothing with pacing.
    share: usize,
    due: Vec<Claimed>,
    /// Whether there may be more.
    is_part: bool,
}

/// What pacing leaves of a target's rate: handler, target, `paced_until`, `not_before`.
type Paced = (HandlerName, Target, i64, i64);

impl Claim {
    /// Targets in the order of their turns, with the first that is due for each: as much as its share or its pace may
    /// allow, and one more, which tells whether there is more. What is left of a great share is to be fetched.
    async fn ready(&self, connection: &mut SqliteConnection) -> Result<Vec<Ready>, Failure> {
        let telling = self.0.pacing.as_ref().map(|pacing| crate::count(pacing.digest_max.saturating_add(1)));
        let ready: String = sqlx::query_scalar(include_str!("queries/claim_ready.sql"))
            .bind(self.0.handler.as_str())
            .bind(self.0.now.as_microsecond())
            .bind(crate::count(self.0.limit))
            .bind(telling)
            .bind(crate::json(&self.passed_over())?)
            .bind(crate::count(self.most_of_a_target()))
            .bind(crate::count(if telling.is_some() { self.0.limit } else { self.0.limit.max(LOOKED_AT) }))
            .fetch_one(connection)
            .await?;
        let ready: Vec<ReadyRow<'_>> = rows::json("target_states", &ready)?;
        let turns = match telling {
            None => turns(&ready.iter().map(|row| row.2.as_deref()).collect::<Vec<_>>(), self.0.limit),
            Some(_) => (0..ready.len()).map(|target| Turn { target, share: 0 }).collect(),
        };
        let even = (self.0.limit / ready.len().max(1)).max(1);
        turns
            .into_iter()
            .enumerate()
            .map(|(place, turn)| self::ready(place, turn.share, even, &ready[turn.target]))
            .collect()
    }

    /// As much as any target is allowed.
    fn most_of_a_target(&self) -> usize {
        let Allowances { each, of } = &self.0.allowances;
        of.values().copied().max().unwrap_or_default().max(*each)
    }

    /// Targets that are allowed nothing.
    fn passed_over(&self) -> Vec<&Target> {
        let allowances = self.0.allowances.of.iter().filter(|_| self.0.pacing.is_none());
        allowances.filter(|(_, most)| **most == 0).map(|(target, _)| target).collect()
    }

    /// The first `most` due deliveries of a target.
    async fn due(
        &self,
        connection: &mut SqliteConnection,
        place: usize,
        target: &Target,
        most: usize,
    ) -> Result<Vec<Claimed>, Failure> {
        let due: String = sqlx::query_scalar(include_str!("queries/claim_due.sql"))
            .bind(self.0.handler.as_str())
            .bind(self.0.now.as_microsecond())
            .bind(target.as_str())
            .bind(crate::count(most))
            .fetch_one(connection)
            .await?;
        let due: Vec<DueRow<'_>> = rows::json("deliveries", &due)?;
        due.iter().map(|row| claimed(place, target, row)).collect()
    }

    /// Its share for each target, then what room is left for the first that have more.
    async fn share(&self, connection: &mut SqliteConnection, targets: &mut [Ready]) -> Result<Vec<Claimed>, Failure> {
        let mut claimed = Vec::new();
        let mut have_more = Vec::new();
        for (place, ready) in targets.iter_mut().enumerate() {
            let (share, most) = (ready.share, self.0.allowances.of(&ready.target));
            if ready.is_part && share.min(most) >= ready.due.len() {
                ready.due = self.due(connection, place, &ready.target, share.min(most) + 1).await?;
            }
            if ready.due.len() > share && most > share {
                have_more.push((place, share, most));
            }
            ready.due.truncate(share.min(most));
            claimed.append(&mut ready.due);
        }
        for (place, share, most) in have_more {
            let room = self.0.limit - claimed.len();
            if room == 0 {
                break;
            }
            let due = self.due(connection, place, &targets[place].target, most.min(share + room)).await?;
            claimed.extend(due.into_iter().skip(share));
        }
        Ok(claimed)
    }

    /// What each target's pace grants, and what is left of it.
    fn pace(&self, targets: &mut [Ready], pacing: &Pacing) -> (Vec<Claimed>, Vec<Paced>) {
        let (mut claimed, mut paced) = (Vec::new(), Vec::new());
        for ready in targets {
            let room = self.0.limit - claimed.len();
            if room == 0 {
                break;
            }
            let grant = pacing.take(ready.paced_until, ready.due.len(), room, self.0.now);
            let left = (grant.paced_until.as_microsecond(), grant.next_at.as_microsecond());
            paced.push((self.0.handler.clone(), ready.target.clone(), left.0, left.1));
            claimed.extend(ready.due.drain(..grant.deliveries));
        }
        (claimed, paced)
    }
}

impl Claimed {
    /// The delivery as its handler gets it.
    pub(crate) fn with(self, event: &StoredEvent, handler: &HandlerName, lease_until: Timestamp) -> Delivery {
        Delivery {
            delivery_id: self.delivery_id,
            lease: Lease(self.lease + 1),
            lease_until,
            seq: self.seq,
            event: event.event.clone(),
            handler: handler.clone(),
            target: self.target,
            attempt: self.attempts + 1,
            due_at: self.due_at,
            guard: self.guard,
        }
    }
}

/// A target that is ready: its name, `paced_until`, whose it is, what is due.
type ReadyRow<'r> = (Target, Option<i64>, Option<Cow<'r, str>>, Vec<DueRow<'r>>);

fn ready(
    place: usize,
    share: usize,
    even: usize,
    (target, paced_until, _, due): &ReadyRow<'_>,
) -> Result<Ready, Failure> {
    let paced_until = paced_until.map(Timestamp::from_microsecond).transpose();
    let paced_until =
        paced_until.map_err(|error| Failure::Corrupt(format!("target_states.paced_until of {target}: {error}")))?;
    let is_part = due.len() > even;
    let due = due.iter().map(|row| claimed(place, target, row)).collect::<Result<_, _>>()?;
    Ok(Ready { target: target.clone(), paced_until, share, due, is_part })
}

/// A waiting delivery: id, seq, due time, attempts, lease, guard.
type DueRow<'r> = (i64, i64, i64, u32, i64, Option<Cow<'r, str>>);

fn claimed(
    place: usize,
    target: &Target,
    (id, seq, due_at, attempts, lease, guard): &DueRow<'_>,
) -> Result<Claimed, Failure> {
    let corrupt = |column: &str, problem: &dyn Display| {
        Failure::Corrupt(format!("deliveries.{column} of the row with delivery_id {id}: {problem}"))
    };
    Ok(Claimed {
        place,
        delivery_id: DeliveryId(*id),
        seq: Seq(*seq),
        target: target.clone(),
        due_at: Timestamp::from_microsecond(*due_at).map_err(|error| corrupt("due_at", &error))?,
        attempts: *attempts,
        lease: *lease,
        guard: guard.as_deref().map(rows::guard).transpose().map_err(|error| corrupt("guard", &error))?,
    })
}
