//! Leasing due deliveries to a worker, fairly and no faster than each target's pace.

use std::{borrow::Cow, fmt::Display};

use async_trait::async_trait;
use events_core::{
    Delivery, DeliveryId, HandlerName, Seq, StoredEvent, Target,
    delivery::{Guard, Lease, Pacing},
    ports::ClaimRequest,
};
use jiff::{SignedDuration, Timestamp};
use sqlx::sqlite::SqliteConnection;

use crate::{error::Failure, operation::Operation, rows, schedule::Touched};

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
        let targets = self.targets(connection).await?;
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let (mut claimed, paced) = match &self.0.pacing {
            None => (self.share(connection, &targets).await?, Vec::new()),
            Some(pacing) => self.pace(connection, &targets, pacing).await?,
        };
        claimed.sort_by_key(|delivery| (delivery.place, delivery.due_at, delivery.delivery_id));
        let ids: Vec<DeliveryId> = claimed.iter().map(|delivery| delivery.delivery_id).collect();
        let mut touched = Touched::default();
        targets.iter().for_each(|ready| touched.add(self.0.handler.as_str(), ready.target.as_str()));
        sqlx::query(script!("claim_pace", "claim", "schedule", "forget"))
            .bind(touched.json()?)
            .bind(crate::json(&ids)?)
            .bind(lease_until(&self.0).as_microsecond())
            .bind(self.0.worker.as_str())
            .bind(crate::json(&paced)?)
            .execute(connection)
            .await?;
        Ok(claimed)
    }
}

/// A target with something due.
struct Ready {
    target: Target,
    paced_until: Option<Timestamp>,
}

/// What pacing leaves of a target's rate: handler, target, `paced_until`, `not_before`.
type Paced<'a> = (&'a HandlerName, &'a Target, i64, i64);

impl Claim {
    async fn targets(&self, connection: &mut SqliteConnection) -> Result<Vec<Ready>, Failure> {
        let ready: String = sqlx::query_scalar(include_str!("queries/claim_targets.sql"))
            .bind(self.0.handler.as_str())
            .bind(self.0.now.as_microsecond())
            .bind(crate::count(self.0.limit))
            .fetch_one(connection)
            .await?;
        let ready: Vec<(Target, Option<i64>)> = rows::json("target_states", &ready)?;
        ready.into_iter().map(|(target, paced_until)| self::ready(target, paced_until)).collect()
    }

    /// The first `most` due deliveries of each target, by place, due time and id.
    async fn due(
        &self,
        connection: &mut SqliteConnection,
        targets: &[Ready],
        most: usize,
    ) -> Result<Vec<Claimed>, Failure> {
        let names: Vec<&str> = targets.iter().map(|ready| ready.target.as_str()).collect();
        let due: String = sqlx::query_scalar(include_str!("queries/claim_due.sql"))
            .bind(self.0.handler.as_str())
            .bind(self.0.now.as_microsecond())
            .bind(crate::json(&names)?)
            .bind(crate::count(most))
            .fetch_one(connection)
            .await?;
        let due: Vec<(usize, Vec<DueRow<'_>>)> = rows::json("deliveries", &due)?;
        let rows = due.iter().flat_map(|(place, rows)| rows.iter().map(move |row| (*place, row)));
        rows.map(|(place, row)| claimed(place, &targets[place].target, row)).collect()
    }

    /// An equal share for each target, then what room is left for the first that have more.
    async fn share(&self, connection: &mut SqliteConnection, targets: &[Ready]) -> Result<Vec<Claimed>, Failure> {
        let share = (self.0.limit / targets.len()).max(1);
        let mut given = vec![0; targets.len()];
        let mut claimed = self.due(connection, targets, share + 1).await?; // one more tells who has more
        claimed.retain(|delivery| {
            given[delivery.place] += 1;
            given[delivery.place] <= share
        });
        for (place, ready) in targets.iter().enumerate().filter(|(place, _)| given[*place] > share) {
            let room = self.0.limit - claimed.len();
            if room == 0 {
                break;
            }
            let more = self.due(connection, std::slice::from_ref(ready), share + room).await?;
            claimed.extend(more.into_iter().skip(share).map(|delivery| Claimed { place, ..delivery }));
        }
        Ok(claimed)
    }

    /// What each target's pace grants, and what is left of it.
    async fn pace<'a>(
        &'a self,
        connection: &mut SqliteConnection,
        targets: &'a [Ready],
        pacing: &Pacing,
    ) -> Result<(Vec<Claimed>, Vec<Paced<'a>>), Failure> {
        let telling = pacing.digest_max.saturating_add(1); // more tell no more
        let mut waiting: Vec<Vec<Claimed>> = targets.iter().map(|_| Vec::new()).collect();
        for delivery in self.due(connection, targets, telling).await? {
            waiting[delivery.place].push(delivery);
        }
        let mut claimed = Vec::new();
        let mut paced = Vec::new();
        for (ready, waiting) in targets.iter().zip(waiting) {
            let room = self.0.limit - claimed.len();
            if room == 0 {
                break;
            }
            let grant = pacing.take(ready.paced_until, waiting.len(), room, self.0.now);
            paced.push((
                &self.0.handler,
                &ready.target,
                grant.paced_until.as_microsecond(),
                grant.next_at.as_microsecond(),
            ));
            claimed.extend(waiting.into_iter().take(grant.deliveries));
        }
        Ok((claimed, paced))
    }
}

/// When the claims of a request end.
pub(crate) fn lease_until(request: &ClaimRequest) -> Timestamp {
    let lease = SignedDuration::try_from(request.lease_for).unwrap_or(SignedDuration::MAX);
    let end = request.now.checked_add(lease).unwrap_or(Timestamp::MAX);
    Timestamp::from_microsecond(end.as_microsecond()).unwrap_or(end)
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

fn ready(target: Target, paced_until: Option<i64>) -> Result<Ready, Failure> {
    let paced_until = paced_until.map(Timestamp::from_microsecond).transpose();
    let paced_until =
        paced_until.map_err(|error| Failure::Corrupt(format!("target_states.paced_until of {target}: {error}")))?;
    Ok(Ready { target, paced_until })
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
