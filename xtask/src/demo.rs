//! `cargo xtask demo`: builds the server, saying so, and runs its demo.

use crate::process::{cargo, cargo_command, run as run_command};

/// Builds and runs the demo.
pub(crate) fn run(arguments: &[&str]) -> anyhow::Result<()> {
    eprintln!("Building the server. The first time this takes two to four minutes; then the demo begins.");
    cargo(&["build", "--package", "events-server"])?;
    let arguments = [&["run", "--quiet", "--package", "events-server", "--", "demo"], arguments].concat();
    run_command(cargo_command(&arguments), "events-server demo")
}
