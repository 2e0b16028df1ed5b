//! Tests through the real binary: a server process on a directory of its own, driven over HTTP,
//! from the command line and with signals, and a stand-in for Slack that keeps a ledger.
//!
//! A [`Home`] is a directory with an `events.toml`; it outlives the [`Server`]s that are started
//! in it, which is how a restart is tested. A [`Receiver`] is what the server takes for Slack. It
//! records every message and answers by script. An [`Api`] is a client with a key. A [`Postgres`]
//! and a [`Rabbit`] are servers of one test, which it may stop and kill. A [`Cluster`] is an API process and two workers
//! on one database; a [`Load`] publishes while something happens to it, and [`reconcile()`] compares what was published with
//! what is stored and what arrived. A [`Deployment`] is a system of either [`Size`], for tests that hold in both. An [`Endpoint`] is a
//! customer's receiver of webhooks, and a [`NameServer`] tells where it is, today.
//!
//! # Invariants
//! - Nothing here knows the server's code: what it does is seen from outside.
//! - Every wait is [`eventually`]: it looks for a condition, and ends with a panic at its limit.
//! - Only processes started here are signalled, and none outlives its test.

mod api;
mod binary;
mod cluster;
mod command;
mod deployment;
mod endpoint;
mod home;
mod ledger;
mod load;
mod log;
mod name_server;
mod publish;
mod receiver;
mod reconcile;
mod server;
mod store;
mod wait;

pub use api::{Answer, Api};
pub use binary::binary;
pub use cluster::Cluster;
pub use command::Ran;
pub use deployment::{Deployment, Size};
pub use endpoint::{Call, Conduct, Endpoint};
pub use home::Home;
pub use ledger::{Ledger, Message};
pub use load::{Load, Published};
pub use log::Log;
pub use name_server::NameServer;
pub use publish::{batch, numbered};
pub use receiver::{CREDENTIAL, Receiver, Reply};
pub use reconcile::{Reconciled, reconcile};
pub use server::Server;
pub use store::Store;
pub use wait::{PATIENCE, eventually};
pub use xtask::services::{Postgres, Rabbit};
