//! Running cargo and git from the root of the workspace.

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use xtask::signal;

/// Between looks at whether a command has ended.
const LOOK: Duration = Duration::from_millis(100);

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
    judge(command.status().with_context(|| format!("cannot run {name}"))?, name)
}

/// The same for a command that may stand still: after the limit it is ended with everything it has started, and that
/// is a failure. It gets a process group of its own, so nobody at a terminal could interrupt it.
pub(crate) fn run_within(limit: Duration, mut command: Command, name: &str) -> anyhow::Result<()> {
    eprintln!("==> {name}");
    let mut child = command.process_group(0).spawn().with_context(|| format!("cannot run {name}"))?;
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return judge(status, name);
        }
        if Instant::now() >= deadline {
            signal::send("KILL", &format!("-{}", child.id()))?;
            child.wait()?;
            bail!("{name} did not end within {limit:?} and was killed");
        }
        thread::sleep(LOOK);
    }
}

fn judge(status: ExitStatus, name: &str) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_stands_still_is_ended_with_all_it_has_started() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = shell("(sleep 30; echo survived) & wait");
        command.stdout(writer);
        let error = run_within(Duration::from_secs(1), command, "the tests").unwrap_err().to_string();
        assert_eq!(error, "the tests did not end within 1s and was killed");
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap(); // ends when nobody is left who could say anything
        assert_eq!(said, "");
    }

    #[test]
    fn what_ends_in_time_is_judged_by_its_status() {
        let hour = Duration::from_secs(3_600);
        run_within(hour, shell("exit 0"), "good").unwrap();
        let error = run_within(hour, shell("exit 3"), "bad").unwrap_err().to_string();
        assert_eq!(error, "bad failed: exit status: 3");
    }
}
