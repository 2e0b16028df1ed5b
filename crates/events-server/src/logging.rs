//! Log lines: to standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What libraries say that our own lines say better: a lost broker, a table that is there already.
/// Whoever names them in `log.level` hears them all the same.
const QUIET: &str = "lapin=off,sqlx::postgres::notice=warn";

/// Starts logging. A filter that is no filter was refused with the configuration.
pub(crate) fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_new(format!("{QUIET},{level}")).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
