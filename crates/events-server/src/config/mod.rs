//! Configuration: what was written, and what is meant by it.
//!
//! [`written`] mirrors the file and the environment, key by key, and refuses unknown keys.
//! [`Config`] is what the server works with: validated, with every default filled in.

mod broker;
mod database;
mod load;
mod meant;
mod role;
mod settings;
mod webhooks;
mod written;

pub(crate) use self::{broker::Broker, database::Database, meant::LogFormat, webhooks::Webhooks};
pub use self::{
    load::{Sources, load},
    meant::Config,
    written::Environment,
};
