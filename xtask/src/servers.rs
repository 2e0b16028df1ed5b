//! The servers that tests need: got from the environment, started, installed first, or missing.
//! `cargo xtask services` keeps them up.

use std::thread;

use anyhow::{Context, bail};
use xtask::services::{AMQP_URL, Install, Installed, POSTGRES_URL, Postgres, Rabbit, given};

/// What one server is called, and where.
#[derive(Debug)]
pub(crate) struct Kind {
    /// In words of ours: on the command line, and in the variable that names the skipped ones.
    pub(crate) word: &'static str,
    /// The variable with its address.
    pub(crate) variable: &'static str,
    /// The crate whose tests need nothing but its address.
    pub(crate) suite: &'static str,
    /// How to get it.
    pub(crate) install: Install,
    is_installed: fn() -> bool,
    start: fn() -> anyhow::Result<Running>,
}

/// Every server that tests need.
pub(crate) const KINDS: [Kind; 2] = [
    Kind {
        word: "postgres",
        variable: POSTGRES_URL,
        suite: "events-postgres",
        install: Install { name: "PostgreSQL", package: "postgresql" },
        is_installed: Postgres::is_installed,
        start: || Postgres::start().map(|server| Running { url: server.url(), _server: Box::new(server) }),
    },
    Kind {
        word: "rabbitmq",
        variable: AMQP_URL,
        suite: "events-amqp",
        install: Install { name: "RabbitMQ", package: "rabbitmq-server" },
        is_installed: Rabbit::is_installed,
        start: || Rabbit::start().map(|server| Running { url: server.url(), _server: Box::new(server) }),
    },
];

/// A server of ours. Dropping it stops it.
struct Running {
    url: String,
    _server: Box<dyn Send>,
}

/// One server, as far as it could be got.
pub(crate) struct Server {
    /// Which one.
    pub(crate) kind: &'static Kind,
    /// Its address, of one that was given or of ours.
    pub(crate) url: Option<String>,
    /// Whether tests can start one of their own.
    pub(crate) is_installed: bool,
    _running: Option<Running>,
}

/// None of them, for tests that are to run without.
pub(crate) fn none() -> Vec<Server> {
    KINDS.iter().map(|kind| Server { kind, url: None, is_installed: false, _running: None }).collect()
}

/// Gets these servers, side by side. Fails when one is there and does not start.
pub(crate) fn get(kinds: &[&'static Kind]) -> anyhow::Result<Vec<Server>> {
    // One after the other: packages have one installer.
    let installed = kinds.iter().map(|kind| is_installed(kind)).collect::<anyhow::Result<Vec<_>>>()?;
    let got: Vec<anyhow::Result<Server>> = thread::scope(|scope| {
        let starting: Vec<_> = kinds
            .iter()
            .zip(installed)
            .map(|(kind, is_installed)| scope.spawn(move || got(kind, is_installed)))
            .collect();
        starting.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked"))).collect()
    });
    got.into_iter().collect()
}

fn is_installed(kind: &Kind) -> anyhow::Result<bool> {
    if (kind.is_installed)() {
        return Ok(true);
    }
    let name = kind.install.name;
    match kind.install.where_possible() {
        Ok(Installed::Now) if (kind.is_installed)() => Ok(true),
        Ok(Installed::Now) => bail!("{name} was installed, but its programs are not where they are looked for"),
        Ok(Installed::MayNot) => Ok(false),
        Err(error) => {
            eprintln!("{name} could not be installed: {error:#}");
            Ok(false)
        }
    }
}

fn got(kind: &'static Kind, is_installed: bool) -> anyhow::Result<Server> {
    if let Some(url) = given(kind.variable) {
        return Ok(Server { kind, url: Some(url), is_installed, _running: None });
    }
    if !is_installed {
        return Ok(Server { kind, url: None, is_installed, _running: None });
    }
    let running = (kind.start)().with_context(|| format!("cannot start {}", kind.install.name))?;
    Ok(Server { kind, url: Some(running.url.clone()), is_installed, _running: Some(running) })
}

/// Starts the named servers, or all, prints their addresses, and stays until it is killed.
///
/// Killed by Ctrl-C, say: then the guards of the servers stop them.
pub(crate) fn run(names: &[&str]) -> anyhow::Result<()> {
    let known = KINDS.iter().map(|kind| kind.word).collect::<Vec<_>>();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("there is no server {unknown}; there are {}", known.join(" and "));
    }
    let wanted: Vec<_> = KINDS.iter().filter(|kind| names.is_empty() || names.contains(&kind.word)).collect();
    let servers = get(&wanted)?;
    for Server { kind, url, .. } in &servers {
        match url {
            Some(url) => println!("export {}={url}", kind.variable),
            None => bail!("no {} found; install it with: {}", kind.install.name, kind.install.by_hand()),
        }
    }
    eprintln!("Set these in another terminal and run `cargo test --package …` there. Ctrl-C stops the servers.");
    loop {
        thread::park();
    }
}
