//! A PostgreSQL server of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use anyhow::{Context, bail};

use super::{POSTGRES_URL, given, is_skipped, place::Place, port, process::Process, programs};

/// For tests, which have no power to lose.
const QUICK: [&str; 2] = ["fsync=off", "full_page_writes=off"];
/// The defaults of what decides about durability, whatever the distribution has made of them.
const DURABLE: [&str; 3] = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];

/// A PostgreSQL server with one empty database. Dropping it stops it and removes its data.
///
/// It commits without waiting for the disk (`fsync = off`): what is tested is what a database does, and it survives
/// [`Postgres::kill`] all the same, only not a power failure. `synchronous_commit` has its default.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    programs: PathBuf,
    port: u16,
    settings: &'static [&'static str],
    place: Place, // last: it removes the directory
}

impl Postgres {
    /// Whether there are programs to start one with.
    #[must_use]
    pub fn is_installed() -> bool {
        programs::postgres().is_some()
    }

    /// Starts a fresh server and waits until it takes connections.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; then with the end of its log.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&QUICK)
    }

    /// Starts one whose commits are on disk when they are answered, as in production: for measurements.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_durable() -> anyhow::Result<Self> {
        Self::start_with(&DURABLE)
    }

    fn start_with(settings: &'static [&'static str]) -> anyhow::Result<Self> {
        let programs = programs::postgres()
            .context("no PostgreSQL found; install it (Debian: sudo apt-get install postgresql)")?;
        let place = Place::new("postgres", "postgres")?;
        let mut initdb = place.command(&programs.join("initdb"));
        initdb.args(["--pgdata=data", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        let output = initdb.arg("--username=postgres").output().context("cannot run initdb")?;
        if !output.status.success() {
            bail!(
                "initdb failed in {}: {}\n{}{}",
                place.path().display(),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
        }
        let mut server = Self { process: None, programs, port: port::free()?, settings, place };
        server.start_again()?;
        Ok(server)
    }

    /// Starts one for a test.
    ///
    /// Answers `None` when `cargo xtask test` has found no PostgreSQL; it reports the tests as skipped.
    ///
    /// # Panics
    /// When there is none and nobody has said so, or when it does not start.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if is_skipped("postgres") {
            return None;
        }
        Some(Self::start().unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// The address of a server that all tests of this process share: the one that [`POSTGRES_URL`] names, or else one that
    /// is started at the first call and ends with the process.
    ///
    /// Answers `None` when `cargo xtask test` has found no PostgreSQL.
    ///
    /// # Panics
    /// As [`Postgres::for_test`].
    #[must_use]
    pub fn shared_url() -> Option<String> {
        // A static is never dropped. The guard of the place stops the server.
        static SHARED: LazyLock<Option<Postgres>> = LazyLock::new(Postgres::for_test);
        given(POSTGRES_URL).or_else(|| SHARED.as_ref().map(Postgres::url))
    }

    /// Its address, of the database `postgres` and its superuser. Stays the same when the server is started again.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The process that all others of the server belong to; `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    /// Its directory, with `postgres.log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Breaks all connections, writes everything down and ends ("fast shutdown"). Stopping a stopped one does nothing.
    ///
    /// # Errors
    /// When it does not end within two minutes; it was killed then.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.end(|process| process.end("INT").map(drop))
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// When the process cannot be reached.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Process::kill)
    }

    /// Starts a stopped or killed server on the same port with the same data. Starting a running one does nothing.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        loop {
            let Err(error) = self.start_once() else { return Ok(()) };
            // After a kill the server's other processes need a moment to notice.
            if !error.to_string().contains("pre-existing shared memory block") {
                return Err(error);
            }
        }
    }

    /// [`Postgres::stop`], then [`Postgres::start_again`].
    ///
    /// # Errors
    /// When either fails.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Runs a statement with `psql`, and answers its rows: values with `|` between, one row a line.
    ///
    /// # Errors
    /// When the server does not answer or refuses the statement, with what it said.
    pub fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let mut psql = self.place.command(&self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        let output = psql.arg(self.url()).args(["--command", statement]).output().context("cannot run psql")?;
        if !output.status.success() {
            bail!("psql failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn start_once(&mut self) -> anyhow::Result<()> {
        let mut command = self.place.server(&self.programs.join("postgres"));
        command.args(["-D", "data", "-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("unix_socket_directories={}", self.place.path().display()),
            "max_connections=200",
        ]
        .iter()
        .chain(self.settings)
        {
            command.args(["-c", setting]);
        }
        // SIGQUIT ends the other processes too, and leaves no shared memory behind.
        let process = Process::start(&mut self.place, command, "postgres", "QUIT")?;
        let status = self.place.path().join("data/postmaster.pid");
        let process = self.process.insert(process);
        let pid = process.pid();
        let ready = process.ready(|| fs::read_to_string(&status).is_ok_and(|text| is_ready(&text, pid)));
        if ready.is_err() {
            self.kill()?;
        }
        ready
    }

    fn end(&mut self, end: impl FnOnce(&mut Process) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let ended = end(&mut process);
        self.place.ended(process.pid())?;
        ended
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // What is not possible here, the guard of the place does.
        let _ = self.end(|process| process.end("QUIT").map(drop));
    }
}

/// Whether `postmaster.pid` says that this process takes connections. `pg_ctl` looks at the same line.
fn is_ready(status: &str, pid: u32) -> bool {
    let mut lines = status.lines().map(str::trim);
    lines.next() == Some(&pid.to_string()) && lines.nth(6) == Some("ready")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_when_its_own_status_file_says_so() {
        let status = "12\n/data\n1761\n15432\n/tmp\n127.0.0.1\n 541 7\nready   \n";
        assert!(is_ready(status, 12));
        assert!(!is_ready(status, 13), "left by an earlier process");
        assert!(!is_ready(&status.replace("ready   ", "starting"), 12));
        assert!(!is_ready("12\n/data\n", 12), "half written");
        assert!(!is_ready("", 12));
    }
}
