//! Settings one by one: what each is, and who says so.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::meant::{Config, LogFormat};

/// Who set a key: the configuration file or an environment variable, by name.
pub(super) type Origins = BTreeMap<String, String>;

/// One setting as it is meant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting {
    /// The key in `events.toml`.
    pub(crate) key: String,
    /// Its value, with units; secrets are not shown.
    pub(crate) value: String,
    /// The file or variable it comes from, or `default`.
    pub(crate) from: String,
}

impl Config {
    /// Every setting with its value and its origin, in the order of the file. Of `[slack]`, what is set.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let text = |value: &dyn std::fmt::Display| value.to_string();
        let known = [
            ("server.listen", text(&self.listen)),
            ("server.role", self.role.as_str().to_owned()),
            ("server.data_dir", text(&self.data_dir.display())),
            ("server.shutdown_grace_seconds", format!("{} s", self.grace.as_secs())),
            ("server.max_body_bytes", format!("{} bytes", self.max_body_bytes)),
            ("database.url", text(&self.database)),
            ("amqp.url", self.broker.as_ref().map_or_else(|| "none".to_owned(), |broker| broker.shown.clone())),
            ("events.environment", self.origin.environment.clone()),
            ("events.source", self.origin.source.clone()),
            ("events.max_payload_bytes", format!("{} bytes", self.limits.payload_bytes)),
            (
                "catalog.file",
                format!("{} types, {} aliases", self.catalog.entries().len(), self.catalog.aliases().len()),
            ),
            ("webhooks.encryption_keys", self.webhooks.shown_keys()),
            ("webhooks.allow_http", text(&self.webhooks.allow_http)),
            (
                "webhooks.allow_networks",
                if self.webhooks.allowed.is_empty() { "none" } else { &self.webhooks.allowed }.to_owned(),
            ),
            ("webhooks.nameservers", self.webhooks.shown_nameservers()),
            ("retention.attempts_days", days(self.retention.attempts)),
            ("retention.dead_letters_days", days(self.retention.dead_letters)),
            ("retention.idempotency_keys_days", days(self.retention.keys)),
            ("log.format", if self.log_format == LogFormat::Json { "json" } else { "text" }.to_owned()),
            ("log.level", self.log_level.clone()),
        ];
        let from = |key: &str| self.origins.get(key).cloned().unwrap_or_else(|| "default".to_owned());
        let known = known.map(|(key, value)| Setting { key: key.to_owned(), value, from: from(key) });
        let slack = self.origins.iter().filter(|(key, _)| key.starts_with("slack."));
        let slack = slack.map(|(key, from)| Setting {
            key: key.clone(),
            value: "set, not shown".to_owned(),
            from: from.clone(),
        });
        known.into_iter().chain(slack).collect()
    }
}

fn days(kept: Duration) -> String {
    format!("{} days", kept.as_secs() / 86_400)
}
