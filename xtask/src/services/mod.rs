//! Private, throwaway PostgreSQL and RabbitMQ servers for tests.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let mut database = xtask::services::Postgres::start()?;
//! println!("{}", database.url());
//! database.restart()?; // on the same port, with the same data
//! # Ok(())
//! # }
//! ```
//!
//! `cargo xtask test` starts one of each for the suites of the adapters and tells their addresses in
//! [`POSTGRES_URL`] and [`AMQP_URL`]. Tests that only use a server ask [`Postgres::shared_url`] and
//! [`Rabbit::shared_url`], which start one where nobody has named any, as in `cargo test --package events-postgres`.
//! Tests that stop, kill or fill up a server start one of their own, with [`Postgres::for_test`] and
//! [`Rabbit::for_test`].
//!
//! # Invariants
//! - A server listens on 127.0.0.1 only, on ports of its own, and keeps everything in one temporary directory.
//!   Nothing of the system's own servers is read or changed.
//! - No server outlives the process that started it, however that process ends: dropping a server stops it, and a
//!   [guard](place) stops what a killed process could not.
//! - A server never runs as root.

mod account;
mod install;
mod place;
mod port;
mod postgres;
mod process;
mod programs;
mod rabbitmq;

pub use install::{Install, Installed};
pub use postgres::Postgres;
pub use rabbitmq::Rabbit;

/// Variable with the address of a PostgreSQL server that tests may use: its owner, no data of value.
pub const POSTGRES_URL: &str = "EVENTS_TEST_POSTGRES_URL";

/// Variable with the address of a RabbitMQ server that tests may use.
pub const AMQP_URL: &str = "EVENTS_TEST_AMQP_URL";

/// Variable that names the servers (`postgres`, `rabbitmq`, with a comma between) that `cargo xtask test` could not
/// get; it reports the tests that need them as skipped.
pub const SKIPPED: &str = "EVENTS_TEST_SKIPPED";

/// Variable with a file to which tests that find only while they run that they cannot, without a registry say, add a
/// line each: the crate, a colon and the reason. `cargo xtask test` reports these as skipped, too.
pub const SKIPPED_FILE: &str = "EVENTS_TEST_SKIPPED_FILE";

/// The address of a server that is there already, from its variable.
#[must_use]
pub fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// Whether `cargo xtask test` has announced that tests which need this server are skipped.
fn is_skipped(server: &str) -> bool {
    std::env::var(SKIPPED).is_ok_and(|names| names.split(',').any(|name| name == server))
}
