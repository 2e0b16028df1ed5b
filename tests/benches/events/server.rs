//! The server as a process: its memory over a backlog and over many events, and its idle cost.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::Context;
use serde_json::{Value, json};

use crate::report::{Figure, Report, Target};

/// Channels of the stand-in for Slack; each takes a digest of 50 a second.
pub(crate) const CHANNELS: usize = 50;
const BACKLOG: usize = 50_000;
const EVENTS: usize = 500_000;

pub(crate) async fn run(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir_in(".")?;
    let server = Server::start(folder.path(), &config(folder.path(), &slack()?, ""))?;
    let mebibytes = |field: &str| Ok::<_, anyhow::Error>(server.process.memory(field)? / 1024.0);

    server.publish(0, BACKLOG, |number| format!("bench.type_{}", number % CHANNELS)).await?;
    server.processed().await?;
    let backlog = mebibytes("VmHWM")?;
    report.value("server, peak memory, 50,000 backlog", "MiB", Figure::of(vec![backlog]), Target::AtMost(40.0));

    server.publish(BACKLOG, EVENTS - BACKLOG, |_| "bench.told_nobody".to_owned()).await?;
    server.processed().await?;
    let after = Figure::of(vec![mebibytes("VmHWM")?]);
    report.ratio(
        "server, peak memory, 500,000 events / 50,000",
        "MiB",
        after,
        Figure::of(vec![backlog]),
        Target::AtMost(1.15),
    );

    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = server.process.processor_seconds()?;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let percent = (server.process.processor_seconds()? - before) / 30.0 * 100.0;
    report.value("server, idle, share of one core", "%", Figure::of(vec![percent]), Target::AtMost(1.0));
    Ok(())
}

/// A receiver that answers every message with `ok`.
pub(crate) fn slack() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || drop(answer(stream)));
        }
    });
    Ok(address)
}

/// Reads requests of one connection, by their content-length, and answers each.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    let mut answers = stream;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            std::io::copy(&mut requests.by_ref().take(length), &mut std::io::sink())?;
            answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
    }
}

/// The configuration of a server with one template and one channel of Slack for each type of event.
pub(crate) fn config(folder: &Path, slack: &str, more: &str) -> String {
    let mut config = format!(
        "{more}[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = {folder:?}\n[slack]\nwebhook_url = \"http://{slack}/default\"\n[slack.channels]\n"
    );
    for channel in 0..CHANNELS {
        config.push_str(&format!("\"#c{channel}\" = \"http://{slack}/c{channel}\"\n"));
    }
    config.push_str("[slack.templates]\n");
    for channel in 0..CHANNELS {
        config
            .push_str(&format!("\"bench.type_{channel}\" = {{ template = \"n={{n}}\", channel = \"#c{channel}\" }}\n"));
    }
    config
}

/// The release build of the server as a process. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    address: String,
}

impl Process {
    pub(crate) fn start(folder: &Path, config: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let file = folder.join("events.toml");
        fs::write(&file, config)?;
        let binary = crate::report::target().join("release/events-server");
        let mut command = Command::new(&binary);
        command.arg("--config").arg(&file).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot run {}", binary.display()))?;
        let log = child.stderr.take().context("the server has no log")?;
        let address = listening(log);
        let mut process = Self { child, address: String::new() };
        process.address = address?;
        Ok(process)
    }

    /// A field of `/proc/<pid>/status`, in KiB.
    pub(crate) fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).context("no such field")?;
        Ok(number.parse()?)
    }

    fn processor_seconds(&self) -> anyhow::Result<f64> {
        crate::latency::processor_seconds(&self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server on a folder of its own, and a client of its API.
pub(crate) struct Server {
    pub(crate) process: Process,
    url: String,
    key: String,
    http: reqwest::Client,
}

impl Server {
    pub(crate) fn start(folder: &Path, config: &str) -> anyhow::Result<Self> {
        let process = Process::start(folder, config, &["serve"])?;
        let key = fs::read_to_string(folder.join("admin.key"))?;
        let http = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("http://{}", process.address);
        Ok(Self { process, url, key, http })
    }

    /// Publishes events in calls of 500.
    pub(crate) async fn publish(
        &self,
        from: usize,
        count: usize,
        event_type: impl Fn(usize) -> String,
    ) -> anyhow::Result<()> {
        for call in (from..from + count).step_by(500) {
            let events: Vec<Value> = (call..(call + 500).min(from + count))
                .map(|number| json!({ "event_type": event_type(number), "payload": { "n": number, "email": "alice@example.com" } }))
                .collect();
            self.post("/api/v1/events", &Value::from(events)).await?;
        }
        Ok(())
    }

    /// Posts what the server takes, and answers what it says.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(self.key.trim()).json(body);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Gets what is there.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.key.trim());
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Waits until nothing is unprocessed.
    async fn processed(&self) -> anyhow::Result<()> {
        while self.get("/health").await?["events"]["unprocessed"] != 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }
}

/// Waits for the line that tells the address, and reads the log to its end in the background.
fn listening(log: impl Read + Send + 'static) -> anyhow::Result<String> {
    let mut lines = BufReader::new(log).lines();
    let address = loop {
        let line = lines.next().context("the server ended before it listened")??;
        if let Some((_, rest)) = line.split_once("address=") {
            break rest.split_whitespace().next().unwrap_or_default().to_owned();
        }
    };
    thread::spawn(move || lines.for_each(drop));
    Ok(address)
}
