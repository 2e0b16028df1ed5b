//! Installs the official libraries under the target directory and asks them.
//!
//! Where an interpreter or a registry is missing the test is left out with a printed reason, which `cargo xtask test`
//! repeats at its end, and fails under `CI`.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::Case;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webhooks/conformance");

/// The verdicts of the library for Python, or `None` when it cannot be had.
pub(super) fn python(cases: &[Case]) -> Option<Vec<bool>> {
    let home = directory("python");
    let interpreter = home.join("bin/python");
    or_skip("Python", install_python(&home, &interpreter))?;
    Some(ask(Command::new(interpreter).arg(source("verify.py")), cases))
}

/// The verdicts of the library for JavaScript, or `None` when it cannot be had.
pub(super) fn javascript(cases: &[Case]) -> Option<Vec<bool>> {
    let home = directory("javascript");
    or_skip("JavaScript", install_javascript(&home))?;
    Some(ask(Command::new("node").arg(source("verify.mjs")).current_dir(home), cases))
}

fn install_python(home: &Path, interpreter: &Path) -> Result<(), String> {
    if !interpreter.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
    }
    // Quick where it is installed already.
    let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement"];
    run(Command::new(interpreter).args(pip).arg(source("requirements.txt")))
}

fn install_javascript(home: &Path) -> Result<(), String> {
    const LOCK: &str = "package-lock.json";
    run(Command::new("node").arg("--version"))?;
    let installed = home.join("installed.json");
    let wanted = fs::read(source(LOCK)).map_err(|error| format!("{LOCK}: {error}"))?;
    if fs::read(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(()); // so that only the first run needs the registry
    }
    for file in ["package.json", LOCK] {
        fs::copy(source(file), home.join(file)).map_err(|error| format!("{file}: {error}"))?;
    }
    run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(home))?;
    fs::write(installed, wanted).map_err(|error| format!("{LOCK}: {error}"))
}

fn source(name: &str) -> PathBuf {
    Path::new(SOURCES).join(name)
}

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance").join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

fn or_skip(library: &str, installed: Result<(), String>) -> Option<()> {
    let Err(why) = installed else { return Some(()) };
    let is_ci = std::env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()));
    assert!(!is_ci, "the library for {library} cannot be had, and where CI is set every test must run: {why}");
    let why = format!("conformance with the library for {library}: {}", why.lines().collect::<Vec<_>>().join(" "));
    eprintln!("SKIPPED: events-webhooks ({why})");
    if let Some(told) = std::env::var_os("EVENTS_TEST_SKIPPED_FILE") {
        let mut told = OpenOptions::new().create(true).append(true).open(told).unwrap();
        told.write_all(format!("events-webhooks: {why}\n").as_bytes()).unwrap();
    }
    None
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {}", said.trim())) }
}

fn ask(command: &mut Command, cases: &[Case]) -> Vec<bool> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = serde_json::to_vec(cases).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap(); // and closes it
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the library's script failed; what it said is above");
    serde_json::from_slice(&output.stdout).unwrap()
}
