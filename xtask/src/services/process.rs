//! A server process: started, waited for, ended.

use std::{
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::place::Place;
use crate::signal::send;

/// Between looks at a condition.
const LOOK: Duration = Duration::from_millis(20);
/// How long a server may take to start or stop; a busy machine needs more than an idle one.
const PATIENCE: Duration = Duration::from_secs(120);
/// Lines of a server's log that an error shows.
const TAIL: usize = 30;

/// A process that leads a process group, with a log.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
    log_before: usize,
}

impl Process {
    /// Starts a server's command of this place ([`Place::server`]); what it prints is added to `<name>.log`. The guard ends it with `signal`.
    pub(super) fn start(
        place: &mut Place,
        mut command: Command,
        name: &'static str,
        signal: &str,
    ) -> anyhow::Result<Self> {
        let log = place.path().join(format!("{name}.log"));
        let log_before = std::fs::read(&log).map_or(0, |text| text.len());
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot open {}", log.display()))?;
        let child = command.stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.with_context(|| format!("cannot run /bin/sh, which is to become {name}"))?;
        let mut process = Self { child, name, log, log_before };
        if let Err(error) = place.running(process.pid(), signal).and_then(|()| process.go()) {
            process.kill()?;
            return Err(error);
        }
        Ok(process)
    }

    /// Has the shell become the server.
    fn go(&mut self) -> anyhow::Result<()> {
        let mut pipe = self.child.stdin.take().context("a server's command has a pipe")?;
        pipe.write_all(b"go\n").with_context(|| format!("cannot start {}", self.name))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server is ready. Fails when it ends before or takes too long, with what it said.
    pub(super) fn ready(&mut self, mut look: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !look() {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended while it started: {status}\n{}", self.name, self.said());
            }
            if Instant::now() > deadline {
                bail!("{} did not answer within {PATIENCE:?}\n{}", self.name, self.said());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Asks the process to end with a signal, and waits until it has. One that takes too long is killed.
    pub(super) fn end(&mut self, signal: &str) -> anyhow::Result<ExitStatus> {
        send(signal, &self.pid().to_string())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                self.kill()?;
                bail!("{} did not end within {PATIENCE:?} and was killed\n{}", self.name, self.said());
            }
            thread::sleep(LOOK);
        }
    }

    /// Kills the whole process group at once.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            send("KILL", &format!("-{}", self.pid()))?;
            self.child.wait()?;
        }
        Ok(())
    }

    /// The end of what it has logged since this start.
    fn said(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(text.get(self.log_before..).unwrap_or_default());
        format!("The end of its log:\n{}", tail(&text, TAIL))
    }
}

/// The last lines of a text.
fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_server_that_ends_while_it_starts_fails_with_what_it_said() {
        let mut place = Place::new("process", "nobody").unwrap();
        let command = place.server(Path::new("/no/such/program"));
        let mut process = Process::start(&mut place, command, "some-server", "KILL").unwrap();
        let error = process.ready(|| false).unwrap_err().to_string();
        assert!(error.starts_with("some-server ended while it started: exit status: 127"), "{error}");
        assert!(error.contains("/no/such/program"), "{error}");
    }

    #[test]
    fn a_process_that_has_ended_cannot_be_signalled_and_says_so() {
        let mut place = Place::new("process", "nobody").unwrap();
        let command = place.server(Path::new("/bin/true"));
        let mut process = Process::start(&mut place, command, "some-server", "KILL").unwrap();
        process.child.wait().unwrap();
        assert!(process.end("TERM").is_err());
        process.kill().unwrap();
    }

    #[test]
    fn an_error_shows_the_end_of_the_log() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a\n", 2), "a");
        assert_eq!(tail("", 2), "");
    }
}
