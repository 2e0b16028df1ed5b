//! Tells Slack channels what happened.
//!
//! A handler is built from a [`SlackConfig`] and the catalog: each event type with a
//! [`Template`] becomes one message in one channel, by an incoming webhook or a bot token.
//!
//! # Invariants
//! - A value of an event is text: it never becomes a mention, a link or a part of the JSON around it.
//! - The address of a webhook and the token of a bot are the credentials. They appear in no
//!   log, error, debug text or stored answer.
//! - A message that cannot be filled completely is not sent.

mod book;
mod config;
mod destination;
mod escape;
mod fields;
mod message;
mod money;
mod number;
mod template;
#[cfg(test)]
mod testing;

pub use config::{ChannelTemplateConfig, ConfigError, FieldConfig, SlackConfig, TemplateConfig};
pub use money::Unit;
pub use template::{Template, TemplateError};
