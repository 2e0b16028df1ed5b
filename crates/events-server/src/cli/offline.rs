//! `migrate` and `check`: commands on the files themselves, without a server.

use std::fs;

use serde_json::json;

use super::text;
use crate::{
    config::{Config, Database},
    key,
    storage::Storage,
};

/// Opens the database, which brings it to the current schema.
pub(super) async fn migrate(config: Config, as_json: bool) -> anyhow::Result<()> {
    key::create_private_dir(&config.data_dir)?;
    let storage = Storage::open(&config.database).await?;
    let (database, version) = (&config.database, storage.schema_version);
    storage.close().await;
    if as_json {
        text::print_json(&json!({ "database": database.to_string(), "schema_version": version }))?;
    } else {
        text::say(format_args!("{database} is at schema version {version}"))?;
    }
    Ok(())
}

/// Says what the configuration means, setting by setting; whoever gets here has a valid one.
pub(super) fn check(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let settings = serde_json::to_value(config.settings())?;
    let routes = config.slack.as_ref().map(|slack| slack.routes().len());
    let bytes = match &config.database {
        Database::Sqlite(path) => fs::metadata(path).ok().map(|file| file.len()),
        Database::Postgres { .. } => None,
    };
    if as_json {
        let slack = json!({ "on": routes.is_some(), "routes": routes.unwrap_or(0) });
        text::print_json(&json!({ "settings": settings, "slack": slack, "database_bytes": bytes }))?;
        return Ok(());
    }
    let rows = settings.as_array().map_or(&[][..], Vec::as_slice);
    text::print_table(rows, &[("SETTING", "key"), ("VALUE", "value"), ("FROM", "from")])?;
    text::say("")?;
    match routes {
        Some(routes) => text::say(format_args!("Slack is on: {routes} kinds of messages have a channel."))?,
        None => text::say("Slack is off; set SLACK_WEBHOOK_URL to switch it on.")?,
    }
    match bytes {
        Some(bytes) => text::say(format_args!("The database holds {bytes} bytes."))?,
        None if config.database.is_shared() => text::say("The database is looked at by doctor, not by check.")?,
        None => text::say("The database does not exist yet; the first start creates it.")?,
    }
    text::say("The configuration is valid.")?;
    Ok(())
}
