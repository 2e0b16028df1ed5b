//! The API from outside, through the same door as the program: a real server on port 0.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod cli;
mod dead_letters;
mod deliveries;
mod detail;
mod health;
mod keys;
mod list;
mod openapi;
mod problems;
mod publish;
mod receiver;
mod server;
mod targets;
mod webhook_deliveries;
mod webhooks;
