//! Openings: lanes that wait for work say what they can take, and whoever routes hands it to them at once.
//!
//! A lane that has to look into the store for what was just put there is a journey late, and the database writes
//! twice. An opening is good for one routing: whoever takes it uses it or lets it go, and the lane opens again when
//! it next waits. Nothing depends on it: what is not handed over is claimed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    delivery::{Delivery, HandlerName},
    ports::ClaimRequest,
};

/// The openings of all lanes of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Openings(Arc<HashMap<HandlerName, Arc<Opening>>>);

impl Openings {
    pub(crate) fn new(handlers: impl IntoIterator<Item = HandlerName>) -> Self {
        Self(Arc::new(handlers.into_iter().map(|handler| (handler, Arc::default())).collect()))
    }

    /// The one of this handler's lane.
    pub(crate) fn of(&self, handler: &HandlerName) -> Arc<Opening> {
        self.0.get(handler).cloned().unwrap_or_default()
    }

    /// What the lanes of these handlers can take; they are offered it once.
    pub(crate) fn take(&self, handlers: &HashSet<&HandlerName>) -> Vec<ClaimRequest> {
        let openings = handlers.iter().filter_map(|handler| self.0.get(*handler));
        openings.filter_map(|opening| opening.state().wanted.take()).collect()
    }

    /// Hands these over; answers those whose lane is gone.
    pub(crate) fn hand_over(&self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let mut refused = Vec::new();
        for delivery in deliveries {
            match self.0.get(&delivery.handler) {
                Some(opening) => refused.extend(opening.hand_over(delivery)),
                None => refused.push(delivery),
            }
        }
        refused
    }
}

/// What one lane can take, and what it was handed.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    state: Mutex<State>,
    handed: Notify,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<ClaimRequest>,
    handed: Vec<Delivery>,
    is_gone: bool,
}

impl Opening {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner) // nothing panics while it changes
    }

    fn hand_over(&self, delivery: Delivery) -> Option<Delivery> {
        let mut state = self.state();
        if state.is_gone {
            return Some(delivery);
        }
        state.handed.push(delivery);
        self.handed.notify_one();
        None
    }

    /// This can be taken from now on.
    pub(crate) fn open(&self, wanted: ClaimRequest) {
        self.state().wanted = Some(wanted);
    }

    /// Nothing can be taken any more, except what somebody is about to hand over; answers what was.
    pub(crate) fn close(&self) -> Vec<Delivery> {
        let mut state = self.state();
        state.wanted = None;
        std::mem::take(&mut state.handed)
    }

    /// The lane is gone for good; answers what was handed over and is to be handed back.
    pub(crate) fn end(&self) -> Vec<Delivery> {
        self.state().is_gone = true;
        self.close()
    }

    /// Waits until something was handed over since the last wait.
    pub(crate) async fn handed(&self) {
        self.handed.notified().await;
    }
}
