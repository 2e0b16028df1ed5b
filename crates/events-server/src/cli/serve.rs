//! `serve`: runs the server until it is told to stop.

use tokio::signal::unix::{SignalKind, signal};

use crate::{app::App, config::Config, logging};

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    logging::start(config.log_format, &config.log_level);
    let key_file = crate::key::admin_key_file(&config.data_dir);
    let app = App::start(config).await?;
    let address = app.address()?;
    tracing::info!(%address, key = %key_file.display(), "Listening");
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    app.serve(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await;
    Ok(())
}
