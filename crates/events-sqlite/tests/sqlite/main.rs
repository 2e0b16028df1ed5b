//! The SQLite store: the contract of the ports, and what is its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod append_in;
mod contract;
mod corruption;
mod durability;
mod full_disk;
mod groups;
mod opening;
mod plain_sql;
mod plans;
mod routing;
mod support;
mod webhooks;
