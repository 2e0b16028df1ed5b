//! `cargo xtask deploy --check`: `deploy/` against the server's own page, and against the programs that read it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use crate::process::{files, root, run as run_command};

/// The page whose table of keys is what the server knows.
const PAGE: &str = "docs/OPERATIONS.md";
/// The page that says what to do with the files.
const GUIDE: &str = "docs/deploying.md";
/// Words with an underscore that are not for the server: images, address families.
const FOREIGN: [&str; 3] = ["POSTGRES_", "RABBITMQ_", "AF_"];
/// What `serve --role` takes.
const ROLES: [&str; 3] = ["api", "worker", "all"];
/// Where the units expect the program.
const PROGRAM: &str = "/usr/local/bin/events-server";

/// Reports everything that does not fit, then fails if anything did not.
pub(crate) fn run() -> anyhow::Result<()> {
    let page = read(PAGE)?;
    let known = Known::read(&page)?;
    let guide = read(GUIDE)?;
    let paths: Vec<String> = files()?.into_iter().filter(|path| path.starts_with("deploy/")).collect();
    let mut texts = Vec::new();
    for path in &paths {
        texts.push((path.as_str(), read(path)?));
    }
    let mut faults = Vec::new();
    for (path, text) in &texts {
        check_file(path, text, &known, &mut faults);
        if !guide.contains(path.rsplit('/').next().unwrap_or(path)) {
            faults.push(format!("{path}: {GUIDE} does not mention it"));
        }
    }
    for role in ["--role api", "--role worker"] {
        let has = |part: &str, end: &str| {
            let plain = |text: &str| text.replace("\", \"", " ");
            texts.iter().any(|(path, text)| path.contains(part) && path.ends_with(end) && plain(text).contains(role))
        };
        if !has("compose", ".yaml") || !has("systemd", ".service") {
            faults.push(format!("deploy: compose.yaml and the units must both run `serve {role}`"));
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} faults in deploy/", faults.len());
    }
    let copy = Copy::new(&paths)?;
    compose(&copy)?;
    systemd(&copy, &paths)?;
    eprintln!("==> deploy: {} files in order", paths.len());
    Ok(())
}

/// What the server's page says.
struct Known {
    variables: Vec<String>,
    port: u16,
    grace: u64,
}

impl Known {
    fn read(page: &str) -> anyhow::Result<Self> {
        // | `key` | `default` | `VARIABLE` or `VARIABLE` | meaning |
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let variables = rows.flat_map(words).filter(|word| word.contains('_')).map(str::to_owned).collect();
        let default = |key: &str| {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let default = row.and_then(|row| row.split('`').nth(3));
            default.with_context(|| format!("{PAGE} has no row with a default for `{key}`"))
        };
        let listen = default("server.listen")?;
        let port = listen.rsplit(':').next().unwrap_or_default();
        Ok(Self {
            variables,
            port: port.parse().with_context(|| format!("no port in {listen}"))?,
            grace: default("server.shutdown_grace_seconds")?.parse()?,
        })
    }
}

/// Words in capitals, as variables are written.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let all = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    all.filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()) && !word.contains(|c: char| c.is_lowercase()))
}

/// Adds what is wrong with one file.
fn check_file(path: &str, text: &str, known: &Known, faults: &mut Vec<String>) {
    let mut fault = |line: usize, what: String| faults.push(format!("{path}:{}: {what}", line + 1));
    for (at, line) in text.lines().enumerate() {
        for word in words(line).filter(|word| word.contains('_')) {
            let is_foreign = FOREIGN.iter().any(|prefix| word.starts_with(prefix));
            let is_known = known.variables.iter().any(|variable| variable == word);
            if !is_foreign && !is_known {
                fault(at, format!("{word} is no variable of the server; the known ones are in {PAGE}"));
            }
        }
        let plain = line.replace("\", \"", " ");
        if let Some((_, rest)) = plain.split_once("--role ") {
            let role: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !ROLES.contains(&role.as_str()) {
                fault(at, format!("{role:?} is no role; the roles are {}", ROLES.join(", ")));
            }
        }
        let line = line.trim();
        for key in ["stop_grace_period:", "TimeoutStopSec="] {
            let Some(value) = line.strip_prefix(key) else { continue };
            let digits: String = value.trim().chars().take_while(char::is_ascii_digit).collect();
            if digits.parse::<u64>().unwrap_or_default() <= known.grace {
                fault(at, format!("{line} must be more than the server's grace, {} seconds", known.grace));
            }
        }
        let address = ["127.0.0.1:", "0.0.0.0:", "127.0.0.1/", "EXPOSE "].iter().find_map(|start| {
            let port: String = line.split_once(start)?.1.chars().take_while(char::is_ascii_digit).collect();
            port.parse::<u16>().ok()
        });
        // Port 0 is any; the database and the broker have their own.
        let is_ours = !line.contains("://");
        if let Some(port) = address.filter(|port| is_ours && *port != 0 && *port != known.port) {
            fault(at, format!("port {port}; the server's default is {}", known.port));
        }
    }
    if path.ends_with(".service") && text.contains(" serve") && !text.contains("TimeoutStopSec=") {
        fault(0, "has no TimeoutStopSec".to_owned());
    }
}

/// What docker compose makes of the file, where it is installed. It needs no engine.
fn compose(copy: &Copy) -> anyhow::Result<()> {
    if !quiet(Command::new("docker").args(["compose", "version"])) {
        eprintln!("==> docker compose config: skipped, docker compose is not installed");
        return Ok(());
    }
    let mut config = Command::new("docker");
    config.args(["compose", "--file", "compose.yaml", "config", "--quiet"]).current_dir(copy.path.join("deploy"));
    config.env("POSTGRES_PASSWORD", "x").env("RABBITMQ_PASSWORD", "x");
    run_command(config, "docker compose config")
}

/// What systemd makes of the units, where it is installed. Their program is replaced by one that exists.
fn systemd(copy: &Copy, paths: &[String]) -> anyhow::Result<()> {
    if !quiet(Command::new("systemd-analyze").arg("--version")) {
        eprintln!("==> systemd-analyze verify: skipped, systemd is not installed");
        return Ok(());
    }
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no", "--recursive-errors=no"]).env("SYSTEMD_LOG_LEVEL", "warning");
    for path in paths.iter().filter(|path| path.ends_with(".service")) {
        let unit = copy.path.join(path);
        fs::write(&unit, fs::read_to_string(&unit)?.replace(PROGRAM, "/bin/true"))?;
        verify.arg(&unit);
    }
    eprintln!("==> systemd-analyze verify");
    let output = verify.output().context("cannot run systemd-analyze")?;
    let said = String::from_utf8_lossy(&output.stderr).replace(&*copy.path.to_string_lossy(), "");
    // It succeeds with warnings too, about a key that it does not know, say. Units of the system may have some.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("events-")).collect();
    if !output.status.success() || !ours.is_empty() {
        bail!("systemd-analyze verify: {}\n{said}", output.status);
    }
    Ok(())
}

fn quiet(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// The files as an operator has them, with the examples filled in. Dropping it removes them.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn new(paths: &[String]) -> anyhow::Result<Self> {
        let copy = Self { path: std::env::temp_dir().join(format!("events-deploy-{}", std::process::id())) };
        for path in paths {
            let to = copy.path.join(path);
            fs::create_dir_all(to.parent().unwrap_or(&copy.path))?;
            fs::copy(root().join(path), &to).with_context(|| format!("cannot write {}", to.display()))?;
            if let Some(name) = path.strip_suffix(".example") {
                fs::copy(&to, copy.path.join(name))?;
            }
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(Path::new(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(path: &str, text: &str) -> Vec<String> {
        let page = "| `server.listen` | `127.0.0.1:8080` | `EVENTS__SERVER__LISTEN` | x |\n\
                    | `server.shutdown_grace_seconds` | `20` | `EVENTS__SERVER__SHUTDOWN_GRACE_SECONDS` | x |\n\
                    | `database.url` | x | `DATABASE_URL` or `EVENTS__DATABASE__URL` | x |\n";
        let mut faults = Vec::new();
        check_file(path, text, &Known::read(page).unwrap(), &mut faults);
        faults
    }

    #[test]
    fn what_fits_the_page_passes() {
        let unit = "ExecStart=/usr/local/bin/events-server serve --role api\nTimeoutStopSec=30\n\
                    Environment=EVENTS__SERVER__LISTEN=127.0.0.1:0\nRestrictAddressFamilies=AF_INET\n";
        assert_eq!(faults("a.service", unit), [""; 0]);
        let compose = "command: [\"serve\", \"--role\", \"worker\"]\nstop_grace_period: 30s # x\n\
                       ports: [\"127.0.0.1:8080:8080\"]\nDATABASE_URL: postgres://u:${POSTGRES_PASSWORD}@db:5432/x\n";
        assert_eq!(faults("compose.yaml", compose), [""; 0]);
    }

    #[test]
    fn what_the_server_does_not_know_is_found() {
        for (text, expected) in [
            ("EVENTS__SERVER__LISSTEN: x", "EVENTS__SERVER__LISSTEN"),
            ("ExecStart=x serve --role apis\nTimeoutStopSec=30", "apis"),
            ("command: [\"serve\", \"--role\", \"boss\"]", "boss"),
            ("TimeoutStopSec=20", "20 seconds"),
            ("  stop_grace_period: 5s", "20 seconds"),
            ("ports: [\"127.0.0.1:8081:8080\"]", "port 8081"),
            ("EXPOSE 80", "port 80"),
        ] {
            let faults = faults("x.yaml", text);
            assert!(faults.len() == 1 && faults[0].contains(expected), "{text}: {faults:?}");
        }
        assert_eq!(faults("a.service", "ExecStart=x serve\n").len(), 1);
    }
}
