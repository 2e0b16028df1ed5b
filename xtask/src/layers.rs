//! The layering: which crate may know which. The same table as in `deny.toml`, checked everywhere.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process::output;

/// Crates of the workspace and the ones they may depend on, outside of tests.
const MAY_DEPEND: [(&str, &[&str]); 9] = [
    ("events-core", &[]),
    ("events-amqp", &["events-core"]),
    ("events-sqlite", &["events-core"]),
    ("events-postgres", &["events-core"]),
    ("events-slack", &["events-core"]),
    ("events-webhooks", &["events-core"]),
    (
        "events-server",
        &["events-core", "events-amqp", "events-postgres", "events-sqlite", "events-slack", "events-webhooks"],
    ),
    ("events-tests", &["events-core", "events-amqp", "events-postgres", "events-sqlite", "events-webhooks", "xtask"]),
    ("xtask", &[]),
];

/// Crates below the core without features, at most (its own included).
const CORE_CRATES: usize = 40;

/// Refuses an arrow that is not in the table, and a core that has grown heavy.
pub(crate) fn run() -> anyhow::Result<()> {
    let metadata: Value = serde_json::from_str(&output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?)?;
    let members = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let ours: BTreeSet<_> = members.iter().filter_map(|member| member["name"].as_str()).collect();
    for member in members {
        let name = member["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = MAY_DEPEND.iter().find(|(known, _)| *known == name) else {
            bail!("{name} is not in the layering table; add it to xtask/src/layers.rs and to deny.toml");
        };
        for dependency in member["dependencies"].as_array().into_iter().flatten() {
            let on = dependency["name"].as_str().unwrap_or_default();
            if ours.contains(on) && dependency["kind"] != "dev" && !allowed.contains(&on) {
                bail!("{name} must not depend on {on}; docs/ARCHITECTURE.md says why");
            }
        }
    }
    let tree =
        output("cargo", &["tree", "-p", "events-core", "--no-default-features", "-e", "normal", "--prefix", "none"])?;
    let crates = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect::<BTreeSet<_>>().len();
    if crates > CORE_CRATES {
        bail!("events-core without features builds from {crates} crates, the limit is {CORE_CRATES}");
    }
    eprintln!("==> layers: in order; the core builds from {crates} crates");
    Ok(())
}
