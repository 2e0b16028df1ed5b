//! Where a message goes: a channel's webhook, the bot, or the default webhook with the channel named.

use std::{collections::BTreeMap, fmt};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    book::DEFAULT_TARGET,
    config::{ConfigError, SlackConfig},
};

/// Where the bot's API is, unless the configuration names another place (GovSlack has its own).
const SLACK: &str = "https://slack.com";
/// Longest name of a channel, in characters.
const CHANNEL_CHARS: usize = 80;
/// A shorter part of an address or a token is no secret; nor is `services`, which every address of Slack's has.
const SECRET_CHARS: usize = 8;

/// An incoming webhook. Its address is the credential, so it prints without its path.
#[derive(Clone)]
pub(crate) struct Webhook(Url);

/// A bot's token, and where it is valid.
#[derive(Clone)]
pub(crate) struct Bot {
    url: Url,
    token: SecretString,
}

/// Where one message goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination<'a> {
    /// To the webhook's own channel.
    Webhook(&'a Webhook),
    /// To a channel, by `chat.postMessage`.
    Bot(&'a Bot, &'a str),
}

/// A target's destination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved<'a> {
    pub(crate) destination: Destination<'a>,
    /// The channel that should have got it, where the default webhook stands in.
    pub(crate) stands_in_for: Option<&'a str>,
}

/// All destinations of a configuration.
#[derive(Debug)]
pub(crate) struct Destinations {
    webhook: Option<Webhook>,
    channels: BTreeMap<String, Webhook>,
    bot: Option<Bot>,
    default_channel: Option<String>,
}

impl Destinations {
    /// The destinations of a configuration; `None` when it has none.
    ///
    /// # Errors
    /// [`ConfigError`] that names the key and never its value.
    pub(crate) fn new(config: &SlackConfig) -> Result<Option<Self>, ConfigError> {
        let webhook = given(&config.webhook_url).map(|url| Webhook::new("webhook_url", url)).transpose()?;
        let bot = given(&config.bot_token).map(|token| Bot::new(config, token)).transpose()?;
        let mut channels = BTreeMap::new();
        for (channel, url) in &config.channels {
            check_channel("channels", channel)?;
            channels.insert(channel.clone(), Webhook::new(&format!("channels.{channel}"), url)?);
        }
        let default_channel = config.default_channel.clone();
        if let Some(channel) = &default_channel {
            check_channel("default_channel", channel)?;
            if webhook.is_some() {
                return Err(ConfigError::DefaultChannel("slack.webhook_url is the default destination already"));
            }
            if bot.is_none() && !channels.contains_key(channel) {
                return Err(ConfigError::DefaultChannel("it needs slack.bot_token, or its URL in slack.channels"));
            }
        }
        let any = webhook.is_some() || bot.is_some() || !channels.is_empty();
        Ok(any.then_some(Self { webhook, channels, bot, default_channel }))
    }

    /// Where a target's messages go: the channel's own webhook, else the bot, else the
    /// default webhook. `None` when there is no way.
    pub(crate) fn resolve<'a>(&'a self, target: &'a str) -> Option<Resolved<'a>> {
        let to = |destination| Some(Resolved { destination, stands_in_for: None });
        let channel = match (target, &self.webhook, &self.default_channel) {
            (DEFAULT_TARGET, Some(webhook), _) => return to(Destination::Webhook(webhook)),
            (DEFAULT_TARGET, None, channel) => channel.as_deref()?,
            (channel, ..) => channel,
        };
        if let Some(webhook) = self.channels.get(channel) {
            return to(Destination::Webhook(webhook));
        }
        if let Some(bot) = &self.bot {
            return to(Destination::Bot(bot, channel));
        }
        let webhook = self.webhook.as_ref()?;
        Some(Resolved { destination: Destination::Webhook(webhook), stands_in_for: Some(channel) })
    }
}

fn given(secret: &Option<SecretString>) -> Option<&SecretString> {
    secret.as_ref().filter(|secret| !secret.expose_secret().trim().is_empty())
}

/// `#name` or a channel id; nothing that could be markup.
pub(crate) fn check_channel(key: &str, channel: &str) -> Result<(), ConfigError> {
    let plain =
        |character: char| !character.is_whitespace() && !character.is_control() && !"<>&|#`*~".contains(character);
    let valid = match channel.strip_prefix('#') {
        Some(name) => !name.is_empty() && name.chars().count() <= CHANNEL_CHARS && name.chars().all(plain),
        None => {
            channel.len() >= 9
                && channel.starts_with(['C', 'G', 'D'])
                && channel.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        }
    };
    if valid {
        return Ok(());
    }
    // An address or a token in the wrong place is still a secret.
    let harmless = channel.chars().count() <= CHANNEL_CHARS && !channel.contains('/') && !channel.contains("xox");
    let channel = if harmless { channel.to_owned() } else { "…".to_owned() };
    Err(ConfigError::Channel { key: key.to_owned(), channel })
}

impl Webhook {
    fn new(key: &str, url: &SecretString) -> Result<Self, ConfigError> {
        let refused = || ConfigError::Url { key: key.to_owned() };
        let url = Url::parse(url.expose_secret()).map_err(|_| refused())?;
        if matches!(url.scheme(), "http" | "https") && url.has_host() { Ok(Self(url)) } else { Err(refused()) }
    }
}

impl Bot {
    fn new(config: &SlackConfig, token: &SecretString) -> Result<Self, ConfigError> {
        let base = config.api_base_url.as_deref().unwrap_or(SLACK).trim_end_matches('/');
        let url = Url::parse(&format!("{base}/api/chat.postMessage")).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let token: SecretString = token.expose_secret().trim().into();
        if !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::Token);
        }
        Ok(Self { url: url.ok_or(ConfigError::Url { key: "api_base_url".into() })?, token })
    }
}

impl Destination<'_> {
    /// Where the request goes.
    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::Webhook(webhook) => &webhook.0,
            Self::Bot(bot, _) => &bot.url,
        }
    }

    /// The channel to name in the body.
    pub(crate) fn channel(&self) -> Option<&str> {
        match self {
            Self::Webhook(_) => None,
            Self::Bot(_, channel) => Some(channel),
        }
    }

    /// The `Authorization` of the request.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let Self::Bot(bot, _) = self else { return None };
        let mut value = HeaderValue::from_str(&format!("Bearer {}", bot.token.expose_secret())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Whether a text holds the credential or a part of it that would be enough.
    pub(crate) fn is_betrayed_by(&self, text: &str) -> bool {
        let is_told = |part: &str| part.len() >= SECRET_CHARS && part != "services" && text.contains(part);
        match self {
            Self::Bot(bot, _) => {
                text.contains(bot.token.expose_secret()) || bot.token.expose_secret().split('-').any(is_told)
            }
            Self::Webhook(Webhook(url)) => {
                let mut parts = url.path().split('/').chain(url.query()).chain(url.password()).chain([url.username()]);
                parts.any(is_told) || (url.path().len() > 1 && text.contains(url.as_str()))
            }
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({}/***)", self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bot({} ***)", self.url.host_str().unwrap_or_default())
    }
}
