//! The PostgreSQL store: the contract of the ports, and what is its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod append_in;
mod appending;
mod claims;
mod clock;
mod contract;
mod dump;
#[path = "../../src/few.rs"]
mod few;
mod interruptions;
mod leading;
mod log_order;
mod notifications;
mod opening;
mod partitions;
mod plain_sql;
mod plans;
mod pooler;
mod queue;
mod routing;
mod sessions;
mod sharing;
mod statistics;
mod support;
mod tables;
mod wakeups;
mod webhooks;
