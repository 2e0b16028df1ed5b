//! Jobs as rows.

use std::str::FromStr;

use events_core::webhooks::{Replay, ReplayId, SubscriptionId};
use jiff::Timestamp;
use sqlx::{
    Sqlite,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::{error::Failure, rows::Cells};

/// Binds the columns of a job.
pub(super) fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    it: &'q Replay,
) -> Result<Query<'q, Sqlite, SqliteArguments>, Failure> {
    Ok(query
        .bind(it.replay_id.as_uuid().as_bytes().as_slice())
        .bind(it.kind.as_str())
        .bind(it.organization_id.as_deref())
        .bind(it.subscription_id.as_uuid().as_bytes().as_slice())
        .bind(crate::json(&it.event_types)?)
        .bind(it.since.as_microsecond())
        .bind(it.until.as_microsecond())
        .bind(i64::from(it.rate))
        .bind(it.state.as_str())
        .bind(it.reason.as_deref())
        .bind(it.first)
        .bind(it.position)
        .bind(it.last)
        .bind(it.total.map(whole))
        .bind(whole(it.made))
        .bind(it.created_by.as_str())
        .bind(it.created_at.as_microsecond())
        .bind(it.updated_at.as_microsecond())
        .bind(it.ended_at.map(Timestamp::as_microsecond)))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row of `replays` with its place in the list.
pub(super) fn numbered(row: &SqliteRow) -> Result<(i64, Replay), Failure> {
    Ok((Cells::of(row, "replays", "number").get("number")?, replay(row)?))
}

/// A row of `replays`.
pub(super) fn replay(row: &SqliteRow) -> Result<Replay, Failure> {
    let cells = Cells::of(row, "replays", "number");
    Ok(Replay {
        replay_id: ReplayId::from_uuid(cells.uuid("replay_id")?),
        kind: cells.parse("kind", FromStr::from_str)?,
        organization_id: cells.get("organization_id")?,
        subscription_id: SubscriptionId::from_uuid(cells.uuid("subscription_id")?),
        event_types: cells.parse("event_types", serde_json::from_str)?,
        since: cells.time("since")?,
        until: cells.time("until")?,
        rate: cells.number("rate")?,
        state: cells.parse("state", FromStr::from_str)?,
        reason: cells.get("reason")?,
        first: cells.get("first_position")?,
        position: cells.get("position")?,
        last: cells.get("last_position")?,
        total: cells.optional_number("total")?,
        made: cells.number("made")?,
        created_by: cells.get("created_by")?,
        created_at: cells.time("created_at")?,
        updated_at: cells.time("updated_at")?,
        ended_at: cells.optional_time("ended_at")?,
    })
}
