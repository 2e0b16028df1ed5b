//! Tells Slack channels what happened.
//!
//! A [`SlackHandler`] is built from a [`SlackConfig`] and the catalog: each event type with a
//! [`Template`] becomes one message in one channel, by an incoming webhook or a bot token.
//!
//! # Invariants
//! - A value of an event is text: it never becomes a mention, a link or a part of the JSON around it.
//! - The address of a webhook and the token of a bot are the credentials. They appear in no
//!   log, error, debug text or stored answer.
//! - A message that cannot be filled completely is not sent.

mod answer;
mod book;
mod client;
mod config;
mod destination;
mod digest;
mod escape;
mod fields;
mod handler;
mod message;
mod money;
mod number;
mod retry_after;
mod template;
#[cfg(test)]
mod testing;
mod words;

pub use config::{ChannelTemplateConfig, ConfigError, FieldConfig, SlackConfig, TemplateConfig};
pub use handler::SlackHandler;
pub use money::Unit;
pub use template::{Template, TemplateError};
