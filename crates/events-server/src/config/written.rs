//! Configuration as written: the keys of `events.toml` and of `EVENTS__SECTION__KEY`.

use std::{collections::BTreeMap, path::PathBuf};

use events_slack::SlackConfig;
use secrecy::SecretString;
use serde::Deserialize;

/// The whole file. Everything is optional: an empty file is a valid one.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    pub(super) server: Server,
    pub(super) database: Database,
    pub(super) amqp: Amqp,
    pub(super) events: Events,
    pub(super) catalog: Catalog,
    pub(super) slack: SlackConfig,
    pub(super) webhooks: Webhooks,
    pub(super) retention: Retention,
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port to listen on.
    pub(super) listen: Option<String>,
    /// Where the database file and the admin key live.
    pub(super) data_dir: Option<PathBuf>,
    /// `all`, `api` or `worker`.
    pub(super) role: Option<String>,
    /// How long deliveries under way get at the end.
    pub(super) shutdown_grace_seconds: Option<u64>,
    /// Largest request body.
    pub(super) max_body_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Database {
    /// `sqlite:path` or `postgres://user:password@host:port/database`.
    pub(super) url: Option<SecretString>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Amqp {
    /// `amqp://user:password@host:port/vhost`.
    pub(super) url: Option<SecretString>,
    /// The exchange, and the beginning of the queues' names.
    pub(super) exchange: Option<String>,
    /// Whether exchange and queues are made by somebody else.
    pub(super) passive: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Events {
    /// `metadata.environment` of events that name none.
    pub(super) environment: Option<String>,
    /// `metadata.source` of events that name none.
    pub(super) source: Option<String>,
    pub(super) max_payload_bytes: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Catalog {
    /// Further event types, in the format of the embedded catalog.
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Webhooks {
    /// `name:key` with commas between, each key 32 bytes in base64; the first seals.
    pub(super) encryption_keys: Option<SecretString>,
    /// Whether endpoints may be called without TLS.
    pub(super) allow_http: Option<bool>,
    /// Networks that may be called although they are not public, with commas between.
    pub(super) allow_networks: Option<String>,
    /// Addresses of name servers, with commas between.
    pub(super) nameservers: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) attempts_days: Option<u32>,
    pub(super) dead_letters_days: Option<u32>,
    pub(super) idempotency_keys_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    /// `text` or `json`.
    pub(super) format: Option<String>,
    /// A filter such as `info` or `events_core=debug,info`.
    pub(super) level: Option<String>,
}

/// Environment variables of their own, as the source documents name them (R064, R089).
pub(super) const VARIABLES: [(&str, &str); 3] =
    [("AMQP_URL", "amqp.url"), ("DATABASE_URL", "database.url"), ("SLACK_WEBHOOK_URL", "slack.webhook_url")];

/// Variables by name, as the process sees them.
pub type Environment = BTreeMap<String, String>;
