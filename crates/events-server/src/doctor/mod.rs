//! `doctor`: looks at everything that a system depends on, and says what to do.
//!
//! Each part gives [`Finding`]s. What to think of an observation is decided purely, from what was
//! observed; the observing is thin.

mod broker;
mod database;

use events_core::{EventHandler, webhooks::HANDLER};
use serde::Serialize;

use crate::config::Config;

/// What was found about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// How it is.
    pub(crate) state: State,
    /// What was looked at.
    pub(crate) subject: &'static str,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<&'static str>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and could do harm.
    Warning,
    /// It does not work, or promises are not kept.
    Problem,
}

impl State {
    /// Its word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Finding {
    fn ok(subject: &'static str, seen: impl Into<String>) -> Self {
        Self { state: State::Ok, subject, seen: seen.into(), remedy: None }
    }

    fn warning(subject: &'static str, seen: impl Into<String>, remedy: &'static str) -> Self {
        Self { state: State::Warning, subject, seen: seen.into(), remedy: Some(remedy) }
    }

    fn problem(subject: &'static str, seen: impl Into<String>, remedy: &'static str) -> Self {
        Self { state: State::Problem, subject, seen: seen.into(), remedy: Some(remedy) }
    }
}

/// Looks at the database and, where there is one, the broker.
pub(crate) async fn examine(config: Config) -> anyhow::Result<Vec<Finding>> {
    let mut findings = database::examine(&config.database).await;
    if let Some(broker) = config.broker {
        let slack = config.slack.iter().map(|slack| slack.name());
        let webhooks = config.webhooks.is_on().then(|| HANDLER.into());
        findings.extend(broker::examine(broker, slack.chain(webhooks).collect()).await?);
    }
    Ok(findings)
}
