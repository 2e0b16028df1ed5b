//! Configuration as meant: validated, with defaults filled in.

use std::{
    fmt::Display,
    net::{SocketAddr, ToSocketAddrs},
    ops::RangeInclusive,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use events_core::{Catalog, Limits, Metadata, Retention};
use events_slack::SlackHandler;
use tracing_subscriber::EnvFilter;

use super::{
    broker::Broker,
    database::Database,
    role::Role,
    settings::Origins,
    webhooks::Webhooks,
    written::{self, Written},
};

const MIB: usize = 1024 * 1024;

/// What the server works with.
pub struct Config {
    /// Address the API listens on.
    pub(crate) listen: SocketAddr,
    /// What this process does.
    pub(crate) role: Role,
    /// Where the database file and the admin key live.
    pub(crate) data_dir: PathBuf,
    /// How long deliveries under way get at the end.
    pub(crate) grace: Duration,
    /// Largest request body.
    pub(crate) max_body_bytes: usize,
    /// Where events are kept.
    pub(crate) database: Database,
    /// What carries word between processes, beside the database.
    pub(crate) broker: Option<Broker>,
    /// Bounds on events.
    pub(crate) limits: Limits,
    /// Source and environment of events that name none.
    pub(crate) origin: Metadata,
    /// Known event types.
    pub(crate) catalog: Arc<Catalog>,
    /// The Slack handler; `None` when nothing is configured for it (R041, R065).
    pub(crate) slack: Option<SlackHandler>,
    /// How webhooks are sent.
    pub(crate) webhooks: Webhooks,
    /// How long things are kept.
    pub(crate) retention: Retention,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// Which log lines are written.
    pub(crate) log_level: String,
    /// Who set which key.
    pub(super) origins: Origins,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    pub(super) fn meant_by(written: Written, origins: Origins) -> anyhow::Result<Self> {
        let Written { server, database, amqp, events, catalog, slack, webhooks, retention, log } = written;
        let data_dir = server.data_dir.unwrap_or_else(|| PathBuf::from("events-data"));
        let log_level = log.level.unwrap_or_else(|| "info".to_owned());
        EnvFilter::try_new(&log_level).with_context(|| {
            format!("log.level: {log_level:?} is no filter; write info, debug or events_core=debug,info")
        })?;
        let catalog = Arc::new(read_catalog(catalog)?);
        let database = Database::named_by(database.url, data_dir.join("events.db"))?;
        Ok(Self {
            role: role(server.role.as_deref(), &database)?,
            webhooks: Webhooks::meant_by(webhooks, &database, &data_dir)?,
            slack: SlackHandler::from_config(&slack, catalog.clone())?,
            catalog,
            listen: listen(server.listen.as_deref().unwrap_or("127.0.0.1:8080"))?,
            grace: Duration::from_secs(within(
                "server.shutdown_grace_seconds",
                server.shutdown_grace_seconds.unwrap_or(20),
                0..=3600,
            )?),
            max_body_bytes: within(
                "server.max_body_bytes",
                server.max_body_bytes.unwrap_or(16 * MIB),
                1024..=1024 * MIB,
            )?,
            database,
            broker: Broker::meant_by(amqp)?,
            data_dir,
            limits: limits(events.max_payload_bytes)?,
            origin: Metadata {
                source: source(events.source)?,
                environment: environment(events.environment)?,
                ..Metadata::default()
            },
            retention: kept(&retention)?,
            log_format: log_format(log.format.as_deref())?,
            log_level,
            origins,
        })
    }
}

fn listen(text: &str) -> anyhow::Result<SocketAddr> {
    let address = text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    address.with_context(|| format!("server.listen: {text:?} is no address; write host:port, as in 127.0.0.1:8080"))
}

fn role(text: Option<&str>, database: &Database) -> anyhow::Result<Role> {
    let role: Role = text.unwrap_or("all").parse().context("server.role")?;
    if role != Role::All && !database.is_shared() {
        bail!(
            "server.role: {} is one of several processes, and a SQLite file belongs to one; \
             set DATABASE_URL to postgres://user:password@host:port/database",
            role.as_str()
        );
    }
    Ok(role)
}

fn environment(written: Option<String>) -> anyhow::Result<String> {
    const ALLOWED: [&str; 3] = ["development", "staging", "production"];
    let environment = written.unwrap_or_else(|| "development".to_owned());
    if ALLOWED.contains(&environment.as_str()) {
        Ok(environment)
    } else {
        bail!("events.environment: {environment:?} is not one of {}", ALLOWED.join(", "))
    }
}

fn limits(max_payload_bytes: Option<usize>) -> anyhow::Result<Limits> {
    let limits = Limits::default();
    let payload_bytes = max_payload_bytes.unwrap_or(limits.payload_bytes);
    Ok(Limits { payload_bytes: within("events.max_payload_bytes", payload_bytes, 2..=16 * MIB)?, ..limits })
}

fn read_catalog(written: written::Catalog) -> anyhow::Result<Catalog> {
    let embedded = Catalog::embedded();
    let Some(path) = written.file else { return Ok(embedded) };
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("catalog.file: cannot read {}", path.display()))?;
    embedded.extended(&text).with_context(|| format!("catalog.file: in {}", path.display()))
}

fn kept(written: &written::Retention) -> anyhow::Result<Retention> {
    const DAY: u32 = 86_400;
    let default = Retention::default();
    let days = |key, days: Option<u32>, least, default| match days {
        None => Ok(default),
        Some(days) => within(key, days, least..=36_500).map(|days| days * Duration::from_secs(DAY.into())),
    };
    Ok(Retention {
        attempts: days("retention.attempts_days", written.attempts_days, 1, default.attempts)?,
        dead_letters: days("retention.dead_letters_days", written.dead_letters_days, 1, default.dead_letters)?,
        // Publishers count on these seven days when they try again.
        keys: days("retention.idempotency_keys_days", written.idempotency_keys_days, 7, default.keys)?,
    })
}

fn within<T: PartialOrd + Display>(key: &str, value: T, allowed: RangeInclusive<T>) -> anyhow::Result<T> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    bail!("{key}: {value} is not between {} and {}", allowed.start(), allowed.end())
}

fn source(written: Option<String>) -> anyhow::Result<String> {
    let source = written.unwrap_or_else(|| "api".to_owned());
    if source.is_empty() || source.len() > Limits::default().name_bytes || source.contains(char::is_control) {
        bail!("events.source: {source:?} is no name; write 1 to 255 bytes of text, as in \"api\"");
    }
    Ok(source)
}

fn log_format(written: Option<&str>) -> anyhow::Result<LogFormat> {
    match written {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => bail!("log.format: {other:?} is not one of text, json"),
    }
}
