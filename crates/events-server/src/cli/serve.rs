//! `serve`: runs the server until it is told to stop.

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::text;
use crate::{
    app::App,
    config::{Sources, load},
    key, logging,
};

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// What this process does, of several on one PostgreSQL database: all, api or worker [default: all]
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

pub(super) async fn run(arguments: Arguments, mut sources: Sources, as_json: bool) -> anyhow::Result<()> {
    if let Some(role) = arguments.role {
        sources.environment.insert("EVENTS__SERVER__ROLE".to_owned(), role);
    }
    let config = load(&sources)?;
    logging::start(config.log_format, &config.log_level);
    let key_file = key::admin_key_file(&config.data_dir).display().to_string();
    let (database, role) = (config.database.to_string(), config.role);
    let slack = config.slack.is_some();
    let app = App::start(config).await?;
    let url = format!("http://{}", app.address()?);
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    tracing::info!(address = %app.address()?, key = key_file, "Listening");
    let words = if as_json {
        let role = role.as_str();
        json!({ "role": role, "api": url, "key_file": key_file, "database": database, "slack": slack }).to_string()
    } else if !role.serves_api() {
        format!(
            "The worker is up. Ctrl-C stops it, a second one at once.\n  health {url}/health\n  data   in {database}"
        )
    } else {
        let slack = if slack { "on" } else { "off; set SLACK_WEBHOOK_URL to switch it on" };
        format!(
            "The server is up. Ctrl-C stops it, a second one at once.\n  \
             API    {url}; {url}/openapi.json describes it\n  \
             key    in {key_file}, where the other commands find it\n  \
             data   in {database}\n  \
             Slack  {slack}"
        )
    };
    let _ = text::say(words); // the server serves whether or not anybody reads this
    app.serve(async move {
        signals.next().await;
        // Whoever asks again does not want to wait for the grace to end. Nothing is lost: leases
        // of deliveries under way end, and what was answered is on disk.
        tokio::spawn(async move {
            signals.next().await;
            std::process::exit(INTERRUPTED);
        });
    })
    .await;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
