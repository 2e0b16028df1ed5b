//! Progress, computed from deliveries and attempts: nothing of it is stored.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::state::{Attempt, OpenDelivery, State};
use crate::{
    delivery::{AttemptOutcome, DeliveryId, DeliveryState},
    event::{Event, Seq},
    ports::{AttemptRecord, DeliveryRecord, Depth, EventDetail},
};

fn failed(record: &AttemptRecord) -> bool {
    matches!(record.outcome, AttemptOutcome::Retry | AttemptOutcome::Dead | AttemptOutcome::Lost)
}

fn tried_again(record: &AttemptRecord) -> bool {
    matches!(record.outcome, AttemptOutcome::Retry | AttemptOutcome::Lost)
}

/// Error of the latest failed attempt.
fn last_error<'a>(records: impl DoubleEndedIterator<Item = &'a AttemptRecord>) -> Option<String> {
    records.rev().find(|record| failed(record)).and_then(|record| record.error.clone())
}

impl State {
    pub(super) fn detail(&self, seq: Seq) -> EventDetail {
        let open = self.deliveries.values().any(|delivery| delivery.seq == seq);
        let processed = !open && !self.outbox.contains(&seq);
        let records = || self.attempts.iter().filter(|attempt| attempt.seq == seq).map(|attempt| &attempt.record);
        let last_end = records().filter(|record| record.is_final).map(|record| record.created_at).max();
        EventDetail {
            seq,
            event: Event::clone(self.event_at(seq)),
            processed,
            processed_at: last_end.filter(|_| processed),
            retry_count: u32::try_from(records().filter(|record| tried_again(record)).count()).unwrap_or(u32::MAX),
            last_error: last_error(records()),
        }
    }

    /// A delivery that waits or is leased.
    pub(super) fn open_record(&self, delivery: &OpenDelivery) -> DeliveryRecord {
        let event = self.event_at(delivery.seq);
        DeliveryRecord {
            delivery_id: delivery.delivery_id,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            event_created_at: event.created_at,
            payload: Some(event.payload.clone()),
            handler: delivery.handler.clone(),
            target: delivery.target.clone(),
            state: if delivery.waits() { DeliveryState::Pending } else { DeliveryState::Leased },
            attempts: delivery.attempts,
            due_at: delivery.waits().then_some(delivery.due_at),
            ended_at: None,
            last_error: self.last_error_of(delivery.delivery_id),
            last_status: self.last_status_of(delivery.delivery_id),
        }
    }

    /// A delivery that ended with this attempt.
    pub(super) fn ended_record(&self, last: &Attempt) -> DeliveryRecord {
        let (event, record) = (self.event_at(last.seq), &last.record);
        DeliveryRecord {
            delivery_id: record.delivery_id,
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            event_created_at: event.created_at,
            payload: Some(event.payload.clone()),
            handler: record.handler.clone(),
            target: record.target.clone(),
            state: match record.outcome {
                AttemptOutcome::Done => DeliveryState::Succeeded,
                AttemptOutcome::Dropped => DeliveryState::Dropped,
                AttemptOutcome::Dead | AttemptOutcome::Retry | AttemptOutcome::Lost => DeliveryState::Dead,
            },
            attempts: record.number,
            due_at: None,
            ended_at: Some(record.created_at),
            last_error: self.last_error_of(record.delivery_id),
            last_status: self.last_status_of(record.delivery_id),
        }
    }

    fn last_error_of(&self, delivery_id: DeliveryId) -> Option<String> {
        let records = self.attempts.iter().map(|attempt| &attempt.record);
        last_error(records.filter(|record| record.delivery_id == delivery_id))
    }

    fn last_status_of(&self, delivery_id: DeliveryId) -> Option<u16> {
        let mut latest_first = self.attempts.iter().rev().map(|attempt| &attempt.record);
        latest_first.find(|record| record.delivery_id == delivery_id).and_then(|record| record.status)
    }

    pub(super) fn depth(&self, now: Timestamp) -> Depth {
        let open = || self.deliveries.values();
        let unfinished: BTreeSet<Seq> = open().filter(|it| !it.is_planned(now)).map(|it| it.seq).collect();
        Depth {
            unprocessed: self.outbox.union(&unfinished).count() as u64,
            unrouted: self.outbox.len() as u64,
            due: open().filter(|it| it.is_due(now)).count() as u64,
            scheduled: open().filter(|it| it.waits() && !it.is_due(now)).count() as u64,
            leased: open().filter(|it| !it.waits()).count() as u64,
            dead: self.dead_letters.len() as u64,
        }
    }
}
