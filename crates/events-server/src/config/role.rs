//! What one process of a system does.

use std::str::FromStr;

use anyhow::bail;

/// What one process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// Serves the API: publishes, and shows what became of it. Needs to know no handler.
    Api,
    /// Routes, makes deliveries, and keeps the tables tidy. Answers health checks, and nothing else.
    Worker,
}

impl Role {
    /// Its word in the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }

    /// Whether it serves the API.
    pub(crate) fn serves_api(self) -> bool {
        self != Self::Worker
    }

    /// Whether it makes deliveries.
    pub(crate) fn works(self) -> bool {
        self != Self::Api
    }
}

impl FromStr for Role {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match [Self::All, Self::Api, Self::Worker].into_iter().find(|role| role.as_str() == text) {
            Some(role) => Ok(role),
            None => bail!("{text:?} is not one of all, api, worker"),
        }
    }
}
