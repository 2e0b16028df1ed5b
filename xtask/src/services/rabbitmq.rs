//! A RabbitMQ server of its own.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::Duration,
};

use anyhow::{Context, bail};

use super::{AMQP_URL, given, is_skipped, place::Place, port, process::Process, programs};

/// Small, and indifferent to how full the disk of the machine is.
const CONFIGURATION: &str = "\
log.console = true
log.console.level = info
log.file = false
disk_free_limit.absolute = 1MB
vm_memory_high_watermark.absolute = 1GB
raft.wal_max_size_bytes = 33554432
";

/// A RabbitMQ node without plugins. Dropping it stops it and removes its data.
///
/// It has a name, a cookie and an `epmd` of its own, so it meets no other node of the machine.
#[derive(Debug)]
pub struct Rabbit {
    broker: Option<Process>,
    names: Option<Process>,
    programs: PathBuf,
    ports: Ports,
    place: Place, // last: it removes the directory
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    distribution: u16,
    names: u16,
}

impl Rabbit {
    /// Whether there are programs to start one with.
    #[must_use]
    pub fn is_installed() -> bool {
        programs::rabbitmq().is_some()
    }

    /// Starts a fresh broker and waits until it takes connections, some seconds.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, or does not start; then with the end of its log.
    pub fn start() -> anyhow::Result<Self> {
        let programs = programs::rabbitmq()
            .context("no RabbitMQ found; install it (Debian: sudo apt-get install rabbitmq-server)")?;
        let place = Place::new("rabbitmq", "rabbitmq")?;
        place.directory("data")?;
        place.file("rabbitmq.conf", CONFIGURATION)?;
        place.file("enabled_plugins", "[].\n")?;
        place.file(".erlang.cookie", &format!("{:016x}{:016x}", port::random(), port::random()))?;
        let ports = Ports { amqp: port::free()?, distribution: port::free()?, names: port::free()? };
        let mut server = Self { broker: None, names: None, programs, ports, place };
        server.start_names()?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts one for a test.
    ///
    /// Answers `None` when `cargo xtask test` has found no RabbitMQ; it reports the tests as skipped.
    ///
    /// # Panics
    /// When there is none and nobody has said so, or when it does not start.
    #[must_use]
    pub fn for_test() -> Option<Self> {
        if is_skipped("rabbitmq") {
            return None;
        }
        Some(Self::start().unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// The address of a server that all tests of this process share: the one that [`AMQP_URL`] names, or else one that
    /// is started at the first call and ends with the process.
    ///
    /// Answers `None` when `cargo xtask test` has found no RabbitMQ.
    ///
    /// # Panics
    /// As [`Rabbit::for_test`].
    #[must_use]
    pub fn shared_url() -> Option<String> {
        // A static is never dropped. The guard of the place stops the server.
        static SHARED: LazyLock<Option<Rabbit>> = LazyLock::new(Rabbit::for_test);
        given(AMQP_URL).or_else(|| SHARED.as_ref().map(Rabbit::url))
    }

    /// Its address, of the virtual host `/` and the user `guest`. Stays the same when the broker is started again.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// The process of the broker; `None` while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.broker.as_ref().map(Process::pid)
    }

    /// Its directory, with `rabbitmq.log`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.place.path()
    }

    /// Stops the broker in an orderly way. Stopping a stopped one does nothing.
    ///
    /// # Errors
    /// When it does not end within two minutes; it was killed then.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.end(|process| process.end("TERM").map(drop))
    }

    /// Ends the broker as `kill -9` does.
    ///
    /// # Errors
    /// When the process cannot be reached.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.end(Process::kill)
    }

    /// Starts a stopped or killed broker on the same port with the same data. Starting a running one does nothing.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        if self.broker.is_some() {
            return Ok(());
        }
        let command = self.with_names(self.place.server(&self.programs.join("rabbitmq-server")));
        let process = Process::start(&mut self.place, command, "rabbitmq", "KILL")?;
        let port = self.ports.amqp;
        let ready = self.broker.insert(process).ready(|| speaks_amqp(port));
        if ready.is_err() {
            self.kill()?;
        }
        ready
    }

    /// [`Rabbit::stop`], then [`Rabbit::start_again`].
    ///
    /// # Errors
    /// When either fails.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Runs `rabbitmqctl` against this broker, and answers what it prints: `["purge_queue", "name"]`,
    /// `["delete_queue", "name"]`, `["--silent", "list_queues", "name", "messages"]`,
    /// `["set_vm_memory_high_watermark", "0"]` for a memory alarm and `["set_vm_memory_high_watermark", "0.4"]` for
    /// its end. It takes a second or two.
    ///
    /// # Errors
    /// When the command fails, with what it said.
    pub fn control(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.with_names(self.place.command(&self.programs.join("rabbitmqctl")));
        let output = command.args(arguments).output().context("cannot run rabbitmqctl")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("rabbitmqctl {} failed: {}\n{text}{said}", arguments.join(" "), output.status);
        }
        Ok(text)
    }

    /// Starts the broker's own `epmd`, in which Erlang nodes find each other. The broker would start one that stays.
    fn start_names(&mut self) -> anyhow::Result<()> {
        let port = self.ports.names;
        let mut command = self.place.server(Path::new("epmd"));
        command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
        let process = Process::start(&mut self.place, command, "epmd", "KILL")?;
        self.names.insert(process).ready(|| connect(port).is_some())
    }

    /// The same command, knowing this broker and no other.
    fn with_names(&self, mut command: Command) -> Command {
        let Ports { amqp, distribution, names } = self.ports;
        let inside = |name: &str| self.place.path().join(name);
        command
            .env("RABBITMQ_NODENAME", format!("events-{amqp}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", amqp.to_string())
            .env("RABBITMQ_DIST_PORT", distribution.to_string())
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none")
            .env("RUNNING_UNDER_SYSTEMD", "true") // the script becomes the broker instead of watching over it
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", names.to_string())
            .env("LC_ALL", "C.UTF-8") // `rabbitmqctl` warns otherwise
            .env("RABBITMQ_CONF_ENV_FILE", inside("no-such-file"))
            .env("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", inside("no-such-file.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", inside("data"))
            .env("RABBITMQ_GENERATED_CONFIG_DIR", inside("data"))
            .env("RABBITMQ_LOG_BASE", inside("data"))
            .env("RABBITMQ_PID_FILE", inside("data/broker.pid"));
        command
    }

    fn end(&mut self, end: impl FnOnce(&mut Process) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let Some(mut process) = self.broker.take() else { return Ok(()) };
        let ended = end(&mut process);
        self.place.ended(process.pid())?;
        ended
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        // What is not possible here, the guard of the place does. Nothing of the data is needed any more.
        let _ = self.kill();
        if let Some(mut process) = self.names.take() {
            let _ = process.kill();
            let _ = self.place.ended(process.pid());
        }
    }
}

/// Whether a broker answers the greeting of AMQP 0.9.1 with a frame of its own.
fn speaks_amqp(port: u16) -> bool {
    let Some(mut stream) = connect(port) else { return false };
    let mut frame = [0];
    let asked =
        stream.set_read_timeout(Some(Duration::from_secs(1))).and_then(|()| stream.write_all(b"AMQP\0\0\x09\x01"));
    asked.and_then(|()| stream.read_exact(&mut frame)).is_ok() && frame == [1]
}

fn connect(port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Duration::from_secs(1)).ok()
}
