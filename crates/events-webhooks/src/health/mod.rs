//! How an endpoint is doing, and what follows: how many calls at once, when to leave it alone, when to give it up.
//!
//! Everything here is pure: time, chance and results come in as arguments. [`HealthBook`] keeps the state of the
//! endpoints that one process calls; [`Outage`] is kept in the store, because it lasts for days.

mod book;
mod breaker;
mod in_flight;
mod outage;

pub use book::{HealthBook, Held, Limits, Permit};
pub use breaker::{Breaker, Gate};
pub use in_flight::InFlight;
pub use outage::{DISABLED_AFTER, Notice, Outage};

use crate::sender::{Failure, class};

/// What a call says about the health of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It answered, and with success.
    Well,
    /// It answered, and refused. That says nothing against calling it as often as before.
    Refusing,
    /// It did not answer, or says itself that it has too much to do.
    Strained,
}

impl Sign {
    /// Reads the result of a call.
    #[must_use]
    pub fn of<T>(result: &Result<T, Failure>) -> Self {
        const STRAINED: [&str; 6] = ["dns", "connect", "tls", "timeout", "reset", "body"];
        match result {
            Ok(_) => Self::Well,
            Err(failure) => {
                let is_strained = STRAINED.contains(&failure.class.as_str())
                    || failure.class == class::HTTP_5XX
                    || failure.class == class::RATE_LIMITED;
                if is_strained { Self::Strained } else { Self::Refusing }
            }
        }
    }
}
