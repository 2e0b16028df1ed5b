//! Black-box tests: one module for each thing that must hold, however the server is treated.

#![expect(clippy::unwrap_used, reason = "a test that does not find what it expects has failed")]

mod access;
mod backlog;
mod bad_input;
mod cli;
mod cli_errors;
mod cluster;
mod dead_letters;
mod disk_full;
mod doctor;
mod duplicates;
mod kills;
mod lost_workers;
mod retries;
mod secrets;
mod slow_targets;
mod starting;
mod stopping;
mod webhooks;
mod without_webhooks;
