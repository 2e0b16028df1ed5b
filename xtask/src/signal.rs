//! Signals to processes that were started here.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Sends a signal (`KILL`, `TERM` …) to a process by its id, or to a whole process group by its negative id. The shell
/// does it: the standard library cannot, and not every system has the program `kill`.
///
/// # Errors
/// There is no such process any more, or no `/bin/sh`.
pub fn send(signal: &str, to: &str) -> anyhow::Result<()> {
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", r#"kill -s "$0" -- "$1""#, signal, to]).stderr(Stdio::null());
    let status = kill.status().context("cannot run /bin/sh")?;
    if !status.success() {
        bail!("cannot send the signal {signal} to process {to}: it has ended already");
    }
    Ok(())
}
