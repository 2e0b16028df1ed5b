//! The Slack handler against a receiver on this machine, from configuration to request.
#![allow(clippy::unwrap_used)]

mod configuration;
mod digests;
mod failures;
mod given;
mod hostile_values;
mod messages;
mod receiver;
mod secrets;
