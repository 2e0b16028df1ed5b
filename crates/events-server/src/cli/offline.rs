//! `migrate` and `check`: commands on the files themselves, without a server.

use events_sqlite::SqliteStore;

use crate::config::Config;

/// Opens the database, which brings it to the current schema.
pub(super) async fn migrate(config: Config) -> anyhow::Result<()> {
    std::fs::create_dir_all(&config.data_dir)?;
    let store = SqliteStore::open(&config.database).await?;
    println!("{} is at schema version {}", config.database.display(), store.schema_version());
    store.close().await;
    Ok(())
}

/// Says what the configuration means; whoever gets here has a valid one.
pub(super) async fn check(config: Config) -> anyhow::Result<()> {
    let slack = match &config.slack {
        Some(slack) => format!("on, {} routes", slack.routes().len()),
        None => "off; set SLACK_WEBHOOK_URL to switch it on".to_owned(),
    };
    let database = match std::fs::metadata(&config.database) {
        Ok(file) => format!("{} bytes", file.len()),
        Err(_) => "will be created".to_owned(),
    };
    println!("listen       {}", config.listen);
    println!("data         {}", config.data_dir.display());
    println!("database     {} ({database})", config.database.display());
    println!("environment  {}", config.origin.environment);
    println!("catalog      {} types, {} aliases", config.catalog.entries().len(), config.catalog.aliases().len());
    println!("slack        {slack}");
    println!("The configuration is valid.");
    Ok(())
}
