//! A directory in which servers are started, one after the other.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{binary, command::Ran, log::Log, server::Server, store::Store};

/// A directory with an `events.toml`. Its data stay when a server ends, however it ends.
pub struct Home {
    directory: TempDir,
    variables: Vec<(String, String)>,
    log: Log,
}

impl Home {
    /// A fresh directory with this configuration. Servers listen on a free port and keep events in a SQLite file.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    #[must_use]
    pub fn new(configuration: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("events-test-").tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("events.toml"), configuration).expect("the directory is writable");
        Self { directory, variables: Vec::new(), log: Log::default() }
    }

    /// A fresh directory with this configuration, whose servers keep events in `store`.
    #[must_use]
    pub fn on(store: &Store, configuration: &str) -> Self {
        let home = Self::new(configuration);
        match store.url() {
            Some(url) => home.with("DATABASE_URL", &url),
            None => home,
        }
    }

    /// The same with one more environment variable of all its commands.
    #[must_use]
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.variables.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Where commands run.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where the server keeps its data when the configuration does not say.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path().join("events-data")
    }

    /// The key that the server made at its first start.
    ///
    /// # Panics
    /// Before a server was started.
    #[must_use]
    pub fn admin_key(&self) -> String {
        std::fs::read_to_string(self.data_dir().join("admin.key")).expect("a started server leaves its admin key")
    }

    /// What all servers of this home have logged.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A command of the binary in this directory, without the environment of the tests.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.through(binary(), arguments)
    }

    /// A program in this directory, which is to run the binary in the end.
    #[must_use]
    pub fn through(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("EVENTS__SERVER__LISTEN", "127.0.0.1:0");
        command.envs(self.variables.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// Runs a command of the binary to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::to_end(self.command(arguments))
    }

    /// Runs a command of the binary against a server of this home.
    #[must_use]
    pub fn cli(&self, server: &Server, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.env("EVENTS_URL", server.api().url());
        Ran::to_end(command)
    }

    /// Runs a command of the binary to its end with these environment variables.
    #[must_use]
    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Ran::to_end(command)
    }

    /// Runs a `serve` that is expected to be refused.
    #[must_use]
    pub fn serve_with(&self, variables: &[(&str, &str)]) -> Ran {
        self.run_with(&["serve"], variables)
    }

    /// Starts a server and waits until it listens.
    pub async fn start(&self) -> Server {
        self.start_as("all").await
    }

    /// Starts a process with this role and waits until it listens. Workers know no key.
    pub async fn start_as(&self, role: &str) -> Server {
        let mut server = Server::spawn(self.command(&["serve", "--role", role]), &self.log).await;
        if role != "worker" {
            server.use_key(self.admin_key());
        }
        server
    }
}
