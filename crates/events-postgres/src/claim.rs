//! Leasing due deliveries to a worker, fairly and no faster than each target's pace.

use events_core::{
    Delivery, DeliveryId, HandlerName, Seq, Target,
    delivery::{Lease, Pacing},
    ports::ClaimRequest,
};
use jiff::Timestamp;
use sqlx::postgres::PgRow;

use crate::{
    arguments,
    database::Database,
    error::Failure,
    rows::{self, Cells},
    time::Time,
};

/// How often the paces of all targets may be used by others between our look and our claim.
const TRIES: usize = 4;

/// Leases deliveries of one handler.
pub(crate) async fn claim(database: &Database, request: &ClaimRequest) -> Result<Vec<Delivery>, Failure> {
    if request.limit == 0 {
        return Ok(Vec::new());
    }
    if let Some(pacing) = &request.pacing {
        return claim_paced(database, request, pacing).await;
    }
    let named = &request.allowances.of;
    let values = arguments![
        request.handler.as_str(),
        Time(request.now),
        crate::count(request.limit),
        Time(request.lease_until(request.now)),
        request.worker.as_str(),
        named.keys().map(Target::as_str).collect::<Vec<_>>(),
        named.values().map(|most| crate::count(*most)).collect::<Vec<_>>(),
        crate::count(request.allowances.each),
    ];
    let rows = database.change(include_str!("queries/claim.sql"), values).await?;
    let place = |row| Cells::of(row, "deliveries", "delivery_id").get::<i64>("place");
    let placed = rows.iter().zip(deliveries(&rows, request)?).map(|(row, delivery)| Ok((place(row)?, delivery)));
    let mut placed = placed.collect::<Result<Vec<_>, Failure>>()?;
    placed.sort_unstable_by_key(|(place, delivery)| (*place, delivery.due_at, delivery.delivery_id));
    Ok(placed.into_iter().map(|(_, delivery)| delivery).collect())
}

/// As [`claim`], holding each target to its pace.
///
/// [`Pacing::take`] decides, which is the program's and not the database's; so there is a look, a
/// decision, and a statement that carries it out for those targets whose pace is still what it was.
async fn claim_paced(database: &Database, request: &ClaimRequest, pacing: &Pacing) -> Result<Vec<Delivery>, Failure> {
    for _ in 0..TRIES {
        let ready = ready(database, request, pacing).await?;
        if ready.is_empty() {
            break;
        }
        let grants = Grants::of(&ready, request, pacing);
        let granted = grants.deliveries.len();
        let values = arguments![
            request.handler.as_str(),
            Time(request.now),
            crate::count(request.limit),
            Time(request.lease_until(request.now)),
            request.worker.as_str(),
            grants.targets,
            grants.seen,
            grants.paced_until,
            grants.not_before,
            grants.deliveries,
        ];
        let rows = database.change(include_str!("queries/claim_paced.sql"), values).await?;
        if !rows.is_empty() || granted == 0 {
            return deliveries(&rows, request);
        }
    }
    Ok(Vec::new())
}

/// A target with something due.
struct Ready {
    target: String,
    paced_until: Option<Timestamp>,
    /// The first of what is due, enough for a decision.
    waiting: Vec<i64>,
}

async fn ready(database: &Database, request: &ClaimRequest, pacing: &Pacing) -> Result<Vec<Ready>, Failure> {
    let telling = pacing.digest_max.saturating_add(1); // more tell no more
    let values =
        arguments![request.handler.as_str(), Time(request.now), crate::count(request.limit), crate::count(telling)];
    let mut ready: Vec<Ready> = Vec::new();
    for row in database.change(include_str!("queries/claim_due.sql"), values).await? {
        let cells = Cells::of(&row, "target_states", "target");
        let target: String = cells.get("target")?;
        if ready.last().is_none_or(|last| last.target != target) {
            ready.push(Ready { target, paced_until: cells.optional_time("paced_until")?, waiting: Vec::new() });
        }
        if let (Some(last), Some(delivery_id)) = (ready.last_mut(), cells.get("delivery_id")?) {
            last.waiting.push(delivery_id);
        }
    }
    Ok(ready)
}

/// What each target's pace grants, as columns.
#[derive(Default)]
struct Grants<'a> {
    targets: Vec<&'a str>,
    seen: Vec<Option<Time>>,
    paced_until: Vec<Time>,
    not_before: Vec<Time>,
    deliveries: Vec<i64>,
}

impl<'a> Grants<'a> {
    fn of(ready: &'a [Ready], request: &ClaimRequest, pacing: &Pacing) -> Self {
        let mut grants = Self::default();
        for ready in ready {
            let room = request.limit - grants.deliveries.len();
            if room == 0 {
                break;
            }
            let grant = pacing.take(ready.paced_until, ready.waiting.len(), room, request.now);
            grants.targets.push(&ready.target);
            grants.seen.push(ready.paced_until.map(Time));
            grants.paced_until.push(Time(grant.paced_until));
            grants.not_before.push(Time(grant.next_at));
            grants.deliveries.extend(ready.waiting.iter().take(grant.deliveries));
        }
        grants
    }
}

fn deliveries(rows: &[PgRow], request: &ClaimRequest) -> Result<Vec<Delivery>, Failure> {
    let lease_until = request.lease_until(request.now);
    rows.iter().map(|row| delivery(row, &request.handler, lease_until)).collect()
}

/// A claimed delivery with its event.
fn delivery(row: &PgRow, handler: &HandlerName, lease_until: Timestamp) -> Result<Delivery, Failure> {
    let cells = Cells::of(row, "deliveries", "delivery_id");
    let seq = Seq(cells.get("event_seq")?);
    if cells.get::<Option<i64>>("seq")?.is_none() {
        return Err(Failure::Corrupt(format!("deliveries.seq: there is no event {seq}")));
    }
    let guard: Option<&str> = cells.get("guard")?;
    Ok(Delivery {
        delivery_id: DeliveryId(cells.get("delivery_id")?),
        lease: Lease(cells.get("lease")?),
        lease_until,
        seq,
        event: rows::event(row)?.event,
        handler: handler.clone(),
        target: Target::from(cells.get::<&str>("target")?),
        attempt: cells.small_number("attempts")?,
        due_at: cells.time("due_at")?,
        guard: guard.map(|_| cells.parse("guard", rows::guard)).transpose()?,
    })
}
