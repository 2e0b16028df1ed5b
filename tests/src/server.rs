//! A running server process.

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    api::Api,
    log::Log,
    wait::{PATIENCE, eventually},
};

/// A server that listens. Dropping it kills the process.
pub struct Server {
    process: Child,
    reader: Option<JoinHandle<()>>,
    log: Log,
    api: Api,
}

impl Server {
    /// Starts a `serve` and waits for the line that tells its address.
    pub async fn spawn(mut command: Command, log: &Log) -> Self {
        const LISTENING: &str = "Listening address=";
        let before = log.lines().len();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started");
        let reader = process.stderr.take().map(|stderr| log.read(stderr));
        let mut server = Self { process, reader, log: log.clone(), api: Api::new(String::new(), None) };
        let address = eventually("the server to listen", PATIENCE, async || {
            let lines = log.lines();
            let line = lines[before..].iter().find_map(|line| line.split_once(LISTENING));
            line.map(|(_, rest)| rest.split(' ').next().unwrap_or_default().to_owned())
        });
        server.api = Api::new(format!("http://{}", address.await), None);
        server
    }

    /// The key that [`Server::api`] sends.
    pub fn use_key(&mut self, key: String) {
        self.api = self.api.with_key(Some(key));
    }

    /// A client of this server, with its admin key.
    #[must_use]
    pub fn api(&self) -> Api {
        self.api.clone()
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A figure of its memory in KiB: `VmRSS` is what it has now, `VmHWM` the most it ever had.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("{field} in {status}"))
    }

    /// Ends the process at once, as `kill -9` does.
    ///
    /// # Panics
    /// When it has ended before.
    pub fn kill(mut self) {
        assert_eq!(self.process.try_wait().expect("a child can be waited for"), None, "{}", self.log.text());
        self.end();
    }

    /// Asks the process to stop, as `kill` does.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Takes the processor away from the process, as a machine does that is moved or swaps.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn suspend(&self) {
        self.signal("STOP");
    }

    /// Lets a suspended process go on, which does not know that time has passed.
    ///
    /// # Panics
    /// When there is no such process.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()), "the server has ended already");
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(mut self, limit: Duration) -> ExitStatus {
        let process = &mut self.process;
        let status =
            eventually("the server to end", limit, async || process.try_wait().expect("a child can be waited for"));
        let status = status.await;
        self.end();
        status
    }

    /// Asks the process to stop and waits until it has.
    ///
    /// # Panics
    /// When it fails.
    pub async fn stop(self) {
        self.terminate();
        let status = self.ended(PATIENCE).await;
        assert!(status.success(), "{status}");
    }

    /// Kills what is left, and reads its log to the end.
    fn end(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            eprintln!("The servers of this test logged:\n{}", self.log.text());
        }
    }
}
