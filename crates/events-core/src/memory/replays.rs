//! Deliveries that are made again, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    MemoryStore,
    lists::page,
    state::{Dead, OpenDelivery, State},
};
use crate::{
    delivery::{DeliveryId, HandlerName, Target},
    event::Seq,
    ports::{
        NewDelivery, Page, ReplayEnd, ReplayQuery, ReplayStep, Replays, Resend, ResendOutcome, Resent, StoreError,
    },
    webhooks::{Replay, ReplayId, ReplayState},
};

/// Jobs in the order in which they were made.
pub(super) type Jobs = BTreeMap<i64, Replay>;

impl State {
    fn resend(&mut self, wanted: &Resend, now: Timestamp) -> Option<Resent> {
        let delivery_id = wanted.delivery_id;
        let is_wanted = |state: &Self, seq: Seq, handler: &HandlerName| {
            let organization_id = &state.event_at(seq).organization_id;
            wanted.handler.as_ref().is_none_or(|it| it == handler)
                && (wanted.organization_id.is_none() || wanted.organization_id == *organization_id)
        };
        if let Some(open) = self.deliveries.get(&delivery_id) {
            if !is_wanted(self, open.seq, &open.handler) {
                return None;
            }
            let outcome = if open.waits() { ResendOutcome::MadeDue } else { ResendOutcome::UnderWay };
            if let Some(open) = self.deliveries.get_mut(&delivery_id).filter(|open| open.waits()) {
                open.due_at = open.due_at.min(now);
            }
            return Some(Resent { outcome, delivery_id });
        }
        if let Some(dead) = self.dead_letters.get(&delivery_id) {
            if !is_wanted(self, dead.delivery.seq, &dead.delivery.handler) {
                return None;
            }
            self.bring_back(delivery_id, now);
            return Some(Resent { outcome: ResendOutcome::Redriven, delivery_id });
        }
        let is_last = |it: &&super::state::Attempt| it.record.delivery_id == delivery_id && it.record.is_final;
        let last = self.attempts.iter().rev().find(is_last)?;
        let (seq, handler, target) = (last.seq, last.record.handler.clone(), last.record.target.clone());
        if !is_wanted(self, seq, &handler) {
            return None;
        }
        let delivery_id = self.add_again(seq, handler, target, now);
        Some(Resent { outcome: ResendOutcome::MadeAnew, delivery_id })
    }

    /// A dead letter becomes a delivery that is due now.
    fn bring_back(&mut self, delivery_id: DeliveryId, now: Timestamp) {
        if let Some(Dead { delivery, .. }) = self.dead_letters.remove(&delivery_id) {
            self.deliveries.insert(delivery_id, OpenDelivery { attempts: 0, due_at: now, ..delivery });
        }
    }

    fn add_again(&mut self, seq: Seq, handler: HandlerName, target: Target, now: Timestamp) -> DeliveryId {
        self.add_delivery(seq, NewDelivery { handler, target, due_at: now, cancel_key: None, guard: None });
        DeliveryId(self.last_delivery)
    }

    fn step(&mut self, step: &ReplayStep) -> Option<Replay> {
        let is_there = |it: &Replay| it.replay_id == step.replay_id && it.state == ReplayState::Running;
        let number = *self.replays.iter().find(|(_, it)| is_there(it) && it.position == step.from)?.0;
        let mut made = 0;
        for delivery_id in &step.dead_letters {
            let dead = self.dead_letters.get(delivery_id).map(|dead| &dead.delivery);
            if dead.is_some_and(|it| it.handler == step.handler && it.target == step.target) {
                self.bring_back(*delivery_id, step.now);
                made += 1;
            }
        }
        for seq in &step.events {
            self.add_again(*seq, step.handler.clone(), step.target.clone(), step.now);
            made += 1;
        }
        let replay = self.replays.get_mut(&number)?;
        replay.position = step.to;
        replay.made += made;
        replay.updated_at = step.now;
        if step.is_last {
            replay.state = ReplayState::Done;
            replay.ended_at = Some(step.now);
        }
        Some(replay.clone())
    }

    fn job(&mut self, replay_id: ReplayId, organization_id: Option<&str>) -> Option<&mut Replay> {
        let found = self.replays.values_mut().find(|it| it.replay_id == replay_id);
        found.filter(|it| organization_id.is_none() || it.organization_id.as_deref() == organization_id)
    }
}

#[async_trait]
impl Replays for MemoryStore {
    async fn resend(&self, wanted: Resend, now: Timestamp) -> Result<Option<Resent>, StoreError> {
        Ok(self.state().resend(&wanted, now))
    }

    async fn start(&self, replay: Replay) -> Result<bool, StoreError> {
        let mut state = self.state();
        if state.job(replay.replay_id, None).is_some() {
            return Ok(false);
        }
        let number = state.replays.last_key_value().map_or(1, |(last, _)| last + 1);
        state.replays.insert(number, replay);
        Ok(true)
    }

    async fn replay(&self, replay_id: ReplayId, organization_id: Option<&str>) -> Result<Option<Replay>, StoreError> {
        Ok(self.state().job(replay_id, organization_id).cloned())
    }

    async fn replays(&self, query: ReplayQuery) -> Result<Page<Replay>, StoreError> {
        let state = self.state();
        let newest_first = state.replays.iter().rev().filter(|(_, it)| {
            (query.organization_id.is_none() || it.organization_id == query.organization_id)
                && query.subscription_id.is_none_or(|wanted| it.subscription_id == wanted)
                && query.state.is_none_or(|wanted| it.state == wanted)
        });
        let listed = page(newest_first, &query.page, |(number, _)| **number);
        Ok(Page { items: listed.items.into_iter().map(|(_, it)| it.clone()).collect(), next: listed.next })
    }

    async fn step(&self, step: ReplayStep) -> Result<Option<Replay>, StoreError> {
        Ok(self.state().step(&step))
    }

    async fn end(
        &self,
        replay_id: ReplayId,
        organization_id: Option<&str>,
        end: ReplayEnd,
    ) -> Result<Option<Replay>, StoreError> {
        let mut state = self.state();
        let Some(replay) = state.job(replay_id, organization_id) else { return Ok(None) };
        if replay.state == ReplayState::Running {
            replay.state = end.state;
            replay.reason = end.reason;
            replay.updated_at = end.at;
            replay.ended_at = Some(end.at);
        }
        Ok(Some(replay.clone()))
    }
}
