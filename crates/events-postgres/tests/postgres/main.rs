//! The PostgreSQL store: the contract of the ports, and what is its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod contract;
mod support;
