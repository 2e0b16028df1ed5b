//! Ids of subscriptions, of their secrets and of jobs.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::delivery::Target;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// An id that was never given out before: random, and sorted by time of creation.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::now_v7())
            }

            /// Wraps a UUID that some other part of the system chose.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, for storage.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// Id of a webhook subscription, a UUIDv7. Its text is the subscription's [`Target`].
    SubscriptionId
}

id! {
    /// Id of a signing secret, a UUIDv7.
    SecretId
}

id! {
    /// Id of a job that makes deliveries again, a UUIDv7.
    ReplayId
}

impl From<SubscriptionId> for Target {
    fn from(subscription_id: SubscriptionId) -> Self {
        subscription_id.to_string().into()
    }
}

impl TryFrom<&Target> for SubscriptionId {
    type Error = uuid::Error;

    fn try_from(target: &Target) -> Result<Self, Self::Error> {
        target.as_str().parse()
    }
}
