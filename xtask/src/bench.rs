//! `cargo xtask bench`: measures release builds, each figure beside its raw limit.

use crate::process::cargo;

/// Builds the server, which some figures are about, then measures those whose names are given, or all.
pub(crate) fn run(names: &[&str]) -> anyhow::Result<()> {
    eprintln!("Building with optimization; the first time this takes about ten minutes.");
    cargo(&["build", "--release", "--package", "events-server"])?;
    cargo(&[&["bench", "--package", "events-tests", "--bench", "events", "--"], names].concat())
}
