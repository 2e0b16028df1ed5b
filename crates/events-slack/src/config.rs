//! The configuration, as it is written, and why one is refused.

use std::collections::BTreeMap;

use events_core::EventType;
use secrecy::SecretString;
use serde::Deserialize;

use crate::{money::Unit, template::TemplateError};

/// What `[slack]` may say. Unknown keys are refused, and the error names the known ones.
///
/// ```toml
/// [slack]
/// webhook_url = "https://hooks.slack.com/services/…"      # the default destination
///
/// [slack.channels]                                         # a webhook is bound to its channel
/// "#alerts" = "https://hooks.slack.com/services/…"
///
/// [slack.templates]                                        # change, add or mute a type
/// "user.signup" = { template = "Welcome {email}!", channel = "#signups" }
/// "import.completed" = { enabled = false }
///
/// [slack.channel_templates."#alerts"]                      # types this channel gets besides
/// "import.failed" = { template = ":fire: {error}" }
/// "subscription.payment_failed" = {}                       # with the type's own text
/// ```
///
/// With a `bot_token` no webhook is needed, and `default_channel` takes what names no channel.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackConfig {
    /// The default destination: an incoming webhook. Empty counts as absent (R041).
    pub webhook_url: Option<SecretString>,
    /// Incoming webhooks of further channels, by channel name (`#alerts`).
    pub channels: BTreeMap<String, SecretString>,
    /// Token of a bot that may post to any channel (`xoxb-…`, scope `chat:write`). Empty counts as absent.
    pub bot_token: Option<SecretString>,
    /// Where the bot's API is. `https://slack.com` by default.
    pub api_base_url: Option<String>,
    /// The default destination when there is no `webhook_url`: a channel that `channels` or the bot reaches.
    pub default_channel: Option<String>,
    /// Messages by event type; what a key leaves out stays as the catalog has it.
    pub templates: BTreeMap<EventType, TemplateConfig>,
    /// Messages by channel and event type: sent to that channel besides the type's own one, or
    /// instead of its message where both are the same channel.
    pub channel_templates: BTreeMap<String, BTreeMap<EventType, ChannelTemplateConfig>>,
}

/// The message of an event type.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateConfig {
    /// The text, in the language of [`Template`](crate::Template). Empty mutes the type.
    pub template: Option<String>,
    /// Where it goes: `#name` or a channel id. The default destination when absent.
    pub channel: Option<String>,
    /// Titled values below the text. `[]` takes the catalog's away.
    pub fields: Option<Vec<FieldConfig>>,
    /// `false` mutes the type.
    pub enabled: bool,
}

impl Default for TemplateConfig {
    fn default() -> Self {
        Self { template: None, channel: None, fields: None, enabled: true }
    }
}

/// The message of an event type in one channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelTemplateConfig {
    /// The text; the type's own when absent. Empty mutes the type in this channel.
    pub template: Option<String>,
    /// Titled values below the text; the type's own when absent.
    pub fields: Option<Vec<FieldConfig>>,
    /// `false` mutes the type in this channel.
    pub enabled: bool,
}

impl Default for ChannelTemplateConfig {
    fn default() -> Self {
        Self { template: None, fields: None, enabled: true }
    }
}

/// A titled value: a template, or the name of a field that holds an amount of money.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// The title.
    pub title: String,
    /// The value, as a template.
    pub value: Option<String>,
    /// The payload's field that holds an amount of money.
    pub money: Option<String>,
    /// What the amount counts; as the catalog says when absent, `minor` where it says nothing.
    pub unit: Option<Unit>,
}

/// Why a configuration is refused. Names the key, never a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A webhook that is no URL.
    #[error("slack.{key} is refused: it is not an http or https URL (it is not shown here because it is a secret)")]
    Url {
        /// The key.
        key: String,
    },
    /// A token that cannot stand in a request.
    #[error("slack.bot_token is refused: a token is one word of visible ASCII characters, such as xoxb-…")]
    Token,
    /// A name that is no channel.
    #[error("slack.{key}: `{channel}` is no channel; write `#name` or a channel id such as `C024BE91L`")]
    Channel {
        /// The key.
        key: String,
        /// The name.
        channel: String,
    },
    /// A default destination that contradicts another or leads nowhere.
    #[error("slack.default_channel is refused: {0}")]
    DefaultChannel(&'static str),
    /// A template outside the language.
    #[error("{key} is refused: {source}")]
    Template {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: TemplateError,
    },
    /// A message that is incomplete or says two things.
    #[error("{key} is refused: {problem}")]
    Message {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The TLS library or the system's certificates cannot be used.
    #[error("the HTTP client of the Slack handler cannot be made: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_the_known_ones_named() {
        let refused = |json: &str| serde_json::from_str::<SlackConfig>(json).unwrap_err().to_string();
        assert!(refused(r#"{"webhok_url":"x"}"#).contains(
            "unknown field `webhok_url`, expected one of `webhook_url`, `channels`, `bot_token`, `api_base_url`, \
             `default_channel`, `templates`, `channel_templates`"
        ));
        assert!(
            refused(r#"{"templates":{"a.b":{"text":"x"}}}"#)
                .contains("unknown field `text`, expected one of `template`, `channel`, `fields`, `enabled`")
        );
        assert!(
            refused(r##"{"channel_templates":{"#a":{"a.b":{"channel":"#b"}}}}"##)
                .contains("unknown field `channel`, expected one of `template`, `fields`, `enabled`")
        );
        assert!(
            refused(r#"{"templates":{"a.b":{"fields":[{"title":"x","amount":"y"}]}}}"#)
                .contains("unknown field `amount`, expected one of `title`, `value`, `money`, `unit`")
        );
        assert!(refused(r#"{"templates":{"signup":{}}}"#).contains("`signup` is not an event type"));
    }
}
