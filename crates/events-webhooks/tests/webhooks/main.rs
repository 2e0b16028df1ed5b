//! Webhooks from the sender to real sockets, and to the official libraries of receivers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod addresses;
mod attempts;
mod bodies;
mod challenges;
mod conformance;
mod failures;
mod given;
mod handling;
mod managing;
mod receiver;
mod records;
