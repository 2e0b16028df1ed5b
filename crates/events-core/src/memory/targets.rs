//! Targets that rest, and how they are mended.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    MemoryStore,
    state::{State, TargetRow},
};
use crate::{
    delivery::{HandlerName, Target, TargetEffect},
    ports::{StoreError, TargetState, TargetStates},
};

#[async_trait]
impl TargetStates for MemoryStore {
    async fn troubled(&self, now: Timestamp) -> Result<Vec<TargetState>, StoreError> {
        let state = self.state();
        let troubled = state.targets.iter().filter(|(_, row)| row.is_troubled(now));
        Ok(troubled.map(|((handler, target), row)| state.target_state(handler, target, row)).collect())
    }

    async fn resume(
        &self,
        handler: &HandlerName,
        target: Option<&Target>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut mended = 0;
        for ((its_handler, its_target), row) in &mut self.state().targets {
            if its_handler == handler && target.is_none_or(|only| only == its_target) && row.is_troubled(now) {
                row.mend();
                mended += 1;
            }
        }
        Ok(mended)
    }

    async fn rest(
        &self,
        handler: &HandlerName,
        target: &Target,
        effect: TargetEffect,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.state().affect(handler, target, effect, now);
        Ok(())
    }
}

impl State {
    fn target_state(&self, handler: &HandlerName, target: &Target, row: &TargetRow) -> TargetState {
        let waiting =
            self.deliveries.values().filter(|it| it.handler == *handler && it.target == *target && it.waits());
        TargetState {
            handler: handler.clone(),
            target: target.clone(),
            paused_until: row.paused_until,
            disabled_at: row.disabled.as_ref().map(|(at, _)| *at),
            reason: row.disabled.as_ref().map(|(_, reason)| reason.clone()),
            waiting: waiting.count() as u64,
        }
    }
}
