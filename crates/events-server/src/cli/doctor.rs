//! `doctor`: what is not as it should be, and what to do.

use anyhow::bail;

use super::text;
use crate::{
    config::Config,
    doctor::{State, examine},
};

/// Prints what was found; fails when something is a problem.
pub(super) async fn run(config: Config, as_json: bool) -> anyhow::Result<()> {
    let findings = examine(config).await?;
    if as_json {
        text::print_json(&serde_json::to_value(&findings)?)?;
    } else {
        for finding in &findings {
            text::say(format_args!("{:<8} {}: {}", finding.state.as_str(), finding.subject, finding.seen))?;
            if let Some(remedy) = finding.remedy {
                text::say(format_args!("         what to do: {remedy}"))?;
            }
        }
    }
    match findings.iter().filter(|finding| finding.state == State::Problem).count() {
        0 => Ok(()),
        1 => bail!("there is a problem"),
        problems => bail!("there are {problems} problems"),
    }
}
