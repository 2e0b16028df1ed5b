//! `cargo xtask test`: every test, with servers for those that need them.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::bail;
use xtask::services::{SKIPPED, SKIPPED_FILE};

use crate::{
    process::{cargo, cargo_command, members, run as run_command, run_within},
    servers::{self, KINDS, Server},
};

/// What all tests together may take on a build machine, once they are built: several times what two cores need. Should
/// one of them stand still, its name was printed after a minute.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Builds the server for the black-box tests, gets PostgreSQL and RabbitMQ, then runs everything.
///
/// With `strict`, tests that were skipped make the run fail. On a build machine it also fails when it stands still.
pub(crate) fn run(arguments: &[&str], strict: bool) -> anyhow::Result<()> {
    let (flags, filter): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| **word == "--without-services");
    eprintln!("Building the server and all tests; the first time this takes some minutes.");
    cargo(&["build", "--package", "events-server"])?;
    cargo(&["test", "--workspace", "--no-run"])?;
    let wanted = flags.is_empty();
    let servers = if wanted { servers::get(&KINDS.iter().collect::<Vec<_>>())? } else { servers::none() };
    let members = members()?;
    let mut skipped: Vec<Skipped> = servers.iter().flat_map(|server| skipped(server, &members, wanted)).collect();
    show(&skipped);

    let mut words = vec!["test", "--workspace"];
    for each in skipped.iter().filter(|each| each.is_whole) {
        words.extend(["--exclude", &each.suite]);
    }
    words.extend(filter);
    let told = Told::new();
    let mut command = cargo_command(&words);
    for Server { kind, url, .. } in &servers {
        match url {
            Some(url) => command.env(kind.variable, url),
            None => command.env_remove(kind.variable),
        };
    }
    let missing: Vec<&str> =
        servers.iter().filter(|server| !server.is_installed).map(|server| server.kind.word).collect();
    command.env(SKIPPED, missing.join(",")).env(SKIPPED_FILE, &told.0);
    let name = format!("cargo {}", words.join(" "));
    let ran = if is_ci() { run_within(LIMIT, command, &name) } else { run_command(command, &name) };
    drop(servers);
    skipped.extend(told.skipped());
    show(&skipped);
    ran?;
    if strict && !skipped.is_empty() {
        bail!("tests were skipped, and here (CI is set, or this is `cargo xtask ci`) every test must run");
    }
    Ok(())
}

/// Whether this is a build machine, which sets `CI`.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// Tests that cannot run.
#[derive(Debug, PartialEq, Eq)]
struct Skipped {
    /// The crate whose tests they are.
    suite: String,
    /// Whether they are all its tests.
    is_whole: bool,
    why: String,
}

/// The file in which tests tell that they were skipped. It goes with this value.
struct Told(PathBuf);

impl Told {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("events-skipped-{}", std::process::id())))
    }

    /// What they have told; nobody writes the file where nothing was skipped.
    fn skipped(&self) -> Vec<Skipped> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let line = |line: &str| {
            let (suite, why) = line.split_once(": ").unwrap_or(("a test", line));
            Skipped { suite: suite.to_owned(), is_whole: false, why: why.to_owned() }
        };
        text.lines().map(line).collect()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What cannot run with this server as it is.
fn skipped(server: &Server, members: &[String], wanted: bool) -> Vec<Skipped> {
    let install = &server.kind.install;
    let why = if wanted {
        format!("no {} found; install it with: {}", install.name, install.by_hand())
    } else {
        "left out with --without-services".to_owned()
    };
    let mut skipped = Vec::new();
    if server.url.is_none() && members.iter().any(|member| member == server.kind.suite) {
        skipped.push(Skipped { suite: server.kind.suite.to_owned(), is_whole: true, why: why.clone() });
    }
    if !server.is_installed {
        for suite in ["events-tests", "xtask"] {
            let why = format!("those tests that start {} themselves; {why}", install.name);
            skipped.push(Skipped { suite: suite.to_owned(), is_whole: false, why });
        }
    }
    skipped
}

fn show(skipped: &[Skipped]) {
    for Skipped { suite, why, .. } in skipped {
        eprintln!("SKIPPED: {suite} ({why})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: Option<&str>, is_installed: bool) -> Server {
        let mut server = servers::none().remove(0);
        server.url = url.map(str::to_owned);
        server.is_installed = is_installed;
        server
    }

    fn whole(skipped: &[Skipped]) -> Vec<&str> {
        skipped.iter().filter(|each| each.is_whole).map(|each| each.suite.as_str()).collect()
    }

    #[test]
    fn nothing_is_skipped_when_the_server_runs() {
        let members = ["events-postgres".to_owned()];
        assert_eq!(skipped(&server(Some("postgres://127.0.0.1:1/x"), true), &members, true), []);
    }

    #[test]
    fn a_missing_server_skips_its_suite_and_says_how_to_get_it() {
        let members = ["events-core", "events-postgres"].map(str::to_owned);
        let skipped = skipped(&server(None, false), &members, true);
        assert_eq!(whole(&skipped), ["events-postgres"]);
        assert_eq!(skipped.len(), 3);
        assert!(skipped[0].why.starts_with("no PostgreSQL found; install it with: "), "{skipped:?}");
    }

    #[test]
    fn a_suite_that_is_not_in_the_workspace_is_not_skipped() {
        assert_eq!(whole(&skipped(&server(None, false), &["events-core".to_owned()], true)), [""; 0]);
    }

    #[test]
    fn a_given_server_serves_the_suite_but_cannot_be_started_by_tests() {
        let members = ["events-postgres".to_owned()];
        let skipped = skipped(&server(Some("postgres://db.example/x"), false), &members, true);
        assert_eq!(whole(&skipped), [""; 0]);
        assert_eq!(skipped.iter().map(|each| each.suite.as_str()).collect::<Vec<_>>(), ["events-tests", "xtask"]);
    }

    #[test]
    fn what_tests_tell_while_they_run_is_reported() {
        let told = Told::new();
        assert_eq!(told.skipped(), []);
        fs::write(&told.0, "events-webhooks: conformance: no node\n").unwrap();
        let skipped = told.skipped();
        assert_eq!((skipped[0].suite.as_str(), skipped[0].why.as_str()), ("events-webhooks", "conformance: no node"));
        let path = told.0.clone();
        drop(told);
        assert!(!path.exists());
    }

    #[test]
    fn tests_left_out_on_purpose_say_so() {
        let skipped = skipped(&server(None, false), &[], false);
        assert!(skipped[0].why.ends_with("left out with --without-services"), "{skipped:?}");
    }
}
