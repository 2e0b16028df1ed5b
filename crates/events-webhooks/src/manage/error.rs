//! Why something was not done, and what the owner can do about it.

use events_core::{
    EventId, StoreError,
    webhooks::{InvalidSubscription, SubscriptionId},
};

use crate::{
    InvalidHeader, Unusable, address::InvalidUrl, challenge::NoRandomness, sealing::SealingError, signature::InvalidKey,
};

/// Why something was not done. No variant holds a secret or the value of a header.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// A field is not acceptable: mend it and ask again.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field, with its place: `headers.host`, `events[2]`.
        field: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// There is no such subscription, or it belongs to another organization.
    #[error("there is no webhook subscription {0}")]
    Missing(SubscriptionId),
    /// There is no such event, or it belongs to another organization.
    #[error("there is no event {0}")]
    NoSuchEvent(EventId),
    /// Somebody else changed the subscription since it was read: read it again.
    #[error(
        "the subscription is at revision {current}, and the change was made for revision {seen}; read it again and repeat the change"
    )]
    Conflict {
        /// The revision that the change was made for.
        seen: i64,
        /// The revision that the subscription is at.
        current: i64,
    },
    /// What is stored cannot be opened: an operator has to bring back the key, or the owner rotates the secret and
    /// sets the headers anew.
    #[error("{0}")]
    Unusable(#[from] Unusable),
    /// The system has no randomness, so nothing can be sealed.
    #[error("the system gives no random bytes; try again in a moment")]
    NoRandomness,
    /// The store's answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageError {
    /// A field is at fault.
    pub(super) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), problem: problem.into() }
    }
}

impl From<InvalidSubscription> for ManageError {
    fn from(InvalidSubscription { field, problem }: InvalidSubscription) -> Self {
        Self::Invalid { field, problem }
    }
}

impl From<InvalidHeader> for ManageError {
    fn from(InvalidHeader { place, problem }: InvalidHeader) -> Self {
        Self::invalid(format!("headers{place}"), problem)
    }
}

impl From<InvalidUrl> for ManageError {
    fn from(error: InvalidUrl) -> Self {
        let text = error.to_string();
        Self::invalid("url", text.strip_prefix("url: ").unwrap_or(&text))
    }
}

impl From<InvalidKey> for ManageError {
    fn from(error: InvalidKey) -> Self {
        Self::invalid("secret", error.problem)
    }
}

impl From<SealingError> for ManageError {
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::NoRandomness => Self::NoRandomness,
            other => Self::Unusable(other.into()),
        }
    }
}

impl From<NoRandomness> for ManageError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}
