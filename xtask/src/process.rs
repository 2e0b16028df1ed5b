//! Running cargo and git from the root of the workspace.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use serde_json::Value;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map_or_else(|| manifest.clone(), PathBuf::from)
}

/// A cargo command at the root, with the cargo that runs us.
pub(crate) fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs cargo, and fails when it does.
pub(crate) fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    run(cargo_command(arguments), &format!("cargo {}", arguments.join(" ")))
}

/// Runs a command that is shown as `name`, and fails when it does.
pub(crate) fn run(mut command: Command, name: &str) -> anyhow::Result<()> {
    eprintln!("==> {name}");
    let status = command.status().with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        bail!("{name} failed: {status}");
    }
    Ok(())
}

/// Standard output of a command at the root.
pub(crate) fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = if program == "cargo" { cargo_command(arguments) } else { Command::new(program) };
    if program != "cargo" {
        command.args(arguments).current_dir(root());
    }
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} {} failed: {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Every file that git tracks or would track, by its path from the root.
pub(crate) fn files() -> anyhow::Result<Vec<String>> {
    let listed = output("git", &["ls-files", "--cached", "--others", "--exclude-standard"])?;
    Ok(listed.lines().filter(|path| root().join(path).is_file()).map(str::to_owned).collect())
}

/// The names of the workspace's crates.
pub(crate) fn members() -> anyhow::Result<Vec<String>> {
    let metadata: Value = serde_json::from_str(&output("cargo", &["metadata", "--no-deps", "--format-version", "1"])?)?;
    let members = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    Ok(members.iter().filter_map(|member| member["name"].as_str()).map(str::to_owned).collect())
}
