//! Lists with filters, newest first, a page at a time.

use std::collections::BTreeMap;

use super::state::State;
use crate::{
    event::Event,
    ports::{
        DeadLetter, DeadLetterQuery, DeliveryQuery, DeliveryRecord, EventDetail, Page, PageRequest, TimelineQuery,
    },
};

/// The part of `rows` that is asked for; `rows` are newest first.
pub(super) fn page<T>(rows: impl Iterator<Item = T>, request: &PageRequest, cursor_of: impl Fn(&T) -> i64) -> Page<T> {
    let after_cursor = rows.filter(|row| request.cursor.is_none_or(|cursor| cursor_of(row) < cursor));
    let mut rest = after_cursor.skip(request.offset);
    let items: Vec<T> = rest.by_ref().take(request.limit).collect();
    let next = items.last().map(&cursor_of).filter(|_| rest.next().is_some());
    Page { items, next }
}

/// Whether a filter lets `value` pass.
fn allows<T: PartialEq>(filter: Option<&T>, value: &T) -> bool {
    filter.is_none_or(|wanted| wanted == value)
}

/// Whether the event belongs to the organization asked for, if one is.
fn belongs(event: &Event, organization_id: Option<&String>) -> bool {
    organization_id.is_none() || event.organization_id.as_ref() == organization_id
}

fn is_listed(event: &Event, query: &TimelineQuery) -> bool {
    belongs(event, query.organization_id.as_ref())
        && (query.actor.is_none() || query.actor == event.actor)
        && (query.event_types.is_empty() || query.event_types.iter().any(|types| types.matches(&event.event_type)))
        && query.since.is_none_or(|since| event.created_at >= since)
        && query.until.is_none_or(|until| event.created_at < until)
}

impl State {
    pub(super) fn timeline(&self, query: &TimelineQuery) -> Page<EventDetail> {
        let newest_first = self.events.iter().rev().filter(|(_, event)| is_listed(event, query));
        page(newest_first.map(|(seq, _)| self.detail(*seq)), &query.page, |detail| detail.seq.0)
    }

    pub(super) fn delivery_list(&self, query: &DeliveryQuery) -> Page<DeliveryRecord> {
        let mut all = BTreeMap::new();
        for last in self.attempts.iter().filter(|attempt| attempt.record.is_final) {
            all.insert(last.record.delivery_id, (last.seq, self.ended_record(last)));
        }
        for delivery in self.deliveries.values() {
            all.insert(delivery.delivery_id, (delivery.seq, self.open_record(delivery)));
        }
        let is_wanted = |record: &DeliveryRecord| {
            let types = &query.event_types;
            allows(query.delivery_id.as_ref(), &record.delivery_id)
                && allows(query.event_id.as_ref(), &record.event_id)
                && allows(query.status.as_ref(), &record.status())
                && (types.is_empty() || types.iter().any(|types| types.matches(&record.event_type)))
                && query.since.is_none_or(|since| record.event_created_at >= since)
                && query.until.is_none_or(|until| record.event_created_at < until)
                && allows(query.handler.as_ref(), &record.handler)
                && allows(query.target.as_ref(), &record.target)
                && allows(query.state.as_ref(), &record.state)
        };
        let newest_first = all
            .into_values()
            .rev()
            .filter(|(seq, record)| is_wanted(record) && belongs(self.event_at(*seq), query.organization_id.as_ref()));
        let shown = newest_first
            .map(|(_, record)| DeliveryRecord { payload: record.payload.filter(|_| query.with_payload), ..record });
        page(shown, &query.page, |record| record.delivery_id.0)
    }

    pub(super) fn dead_letter_list(&self, query: &DeadLetterQuery) -> Page<DeadLetter> {
        let letters = self.dead_letters.values().rev().map(|dead| DeadLetter {
            delivery_id: dead.delivery.delivery_id,
            event: Event::clone(self.event_at(dead.delivery.seq)),
            handler: dead.delivery.handler.clone(),
            target: dead.delivery.target.clone(),
            attempts: dead.delivery.attempts,
            reason_class: dead.reason_class.clone(),
            reason: dead.reason.clone(),
            created_at: dead.created_at,
        });
        let newest_first = letters.filter(|letter| {
            allows(query.delivery_id.as_ref(), &letter.delivery_id)
                && allows(query.handler.as_ref(), &letter.handler)
                && allows(query.target.as_ref(), &letter.target)
                && query.since.is_none_or(|since| letter.created_at >= since)
                && query.until.is_none_or(|until| letter.created_at < until)
                && belongs(&letter.event, query.organization_id.as_ref())
        });
        page(newest_first, &query.page, |letter| letter.delivery_id.0)
    }
}
