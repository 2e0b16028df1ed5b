//! `cargo xtask test`: every test, on a machine with nothing but a Rust toolchain.

use crate::process::cargo;

/// Builds the server for the black-box tests, then runs everything.
pub(crate) fn run(filter: &[&str]) -> anyhow::Result<()> {
    eprintln!("Building the server and all tests; the first time this takes some minutes.");
    cargo(&["build", "--package", "events-server"])?;
    cargo(&[&["test", "--workspace"], filter].concat())
}
