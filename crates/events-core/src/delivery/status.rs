//! How a delivery does, in the words of those who wait for it.

use serde::{Deserialize, Serialize};

use super::DeliveryState;

/// How a delivery does. Unlike [`DeliveryState`] it does not tell whether a worker has it at the moment, which
/// concerns nobody outside, and it does tell whether the first try is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It waits or is under way, and has not failed.
    Pending,
    /// It failed at least once, and will be tried again; or is just now.
    Failed,
    /// It was handled.
    Succeeded,
    /// It failed for good.
    Dead,
    /// It was rightly not sent.
    Dropped,
}

impl DeliveryStatus {
    /// What follows from the state and the attempts begun since the last redrive.
    #[must_use]
    pub fn of(state: DeliveryState, attempts: u32) -> Self {
        match state {
            DeliveryState::Pending if attempts == 0 => Self::Pending,
            DeliveryState::Leased if attempts <= 1 => Self::Pending,
            DeliveryState::Pending | DeliveryState::Leased => Self::Failed,
            DeliveryState::Succeeded => Self::Succeeded,
            DeliveryState::Dead => Self::Dead,
            DeliveryState::Dropped => Self::Dropped,
        }
    }

    /// Whether a delivery of this status has not ended.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Failed)
    }
}
