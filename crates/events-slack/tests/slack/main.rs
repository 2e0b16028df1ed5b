//! The Slack handler against a receiver on this machine, from configuration to request.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod configuration;
mod digests;
mod failures;
mod given;
mod hostile_values;
mod messages;
mod receiver;
mod secrets;
