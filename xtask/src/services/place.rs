//! The directory of one server, and the guard that stops the server when we cannot.
//!
//! A process that is killed runs no destructor, and Ctrl-C kills. So each server has a guard: a shell that reads from
//! a pipe whose other end only we hold. When we end, however we end, the pipe does too; then the guard ends the process
//! groups that still run, and removes the directory.

use std::{
    fs,
    io::Write,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::Context;

use super::{account::Account, port::random};

/// `run 12 QUIT` announces a process group and the signal that ends it, `ended 12` that it is over.
const GUARD: &str = r#"
trap '' HUP INT QUIT TERM
running=
while read -r verb group signal; do
    case $verb in
    run) running="$running $group:$signal" ;;
    ended)
        left=
        for each in $running; do [ "${each%%:*}" = "$group" ] || left="$left $each"; done
        running=$left
        ;;
    esac
done
for each in $running; do kill -s "${each#*:}" -- "-${each%%:*}"; done
looks=0
for each in $running; do
    while [ "${each#*:}" != KILL ] && [ $looks -lt 50 ] && kill -s 0 -- "-${each%%:*}"; do
        sleep 0.1
        looks=$((looks + 1))
    done
    kill -s KILL -- "-${each%%:*}"
done
rm -rf -- "$1"
"#;

/// A temporary directory that belongs to the user its server runs as. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    account: Option<Account>,
    guard: Child,
}

impl Place {
    /// A fresh directory for a server that runs as `user` when we are root.
    pub(super) fn new(server: &str, user: &str) -> anyhow::Result<Self> {
        let account = Account::to_change_to(user)?;
        let path = std::env::temp_dir().join(format!("events-{server}-{:016x}", random()));
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700).create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut guard = Command::new("/bin/sh");
        guard.args(["-c", GUARD, "events-guard"]).arg(&path).current_dir("/");
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let guard = match guard.spawn() {
            Ok(guard) => guard,
            Err(error) => {
                let _ = fs::remove_dir(&path); // it is empty
                return Err(error).context("cannot run /bin/sh");
            }
        };
        let place = Self { path, account, guard };
        place.give(&place.path)?;
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A directory inside.
    pub(super) fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        self.give(&path)?;
        Ok(path)
    }

    /// A file inside that nobody else may read.
    pub(super) fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        self.give(&path)?;
        Ok(path)
    }

    fn give(&self, path: &Path) -> anyhow::Result<()> {
        let Some(Account { uid, gid }) = self.account else { return Ok(()) };
        chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give away {}", path.display()))
    }

    /// A command in this directory, as its owner and in a process group of its own, without our environment.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.path).stdin(Stdio::null()).process_group(0).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()));
        command.env("HOME", &self.path).env("LC_ALL", "C").env("TMPDIR", &self.path);
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A server's command in this directory. It becomes the program when a line is written to its standard input, and
    /// nothing when that ends first; so the guard knows of the program before it runs.
    pub(super) fn server(&self, program: &Path) -> Command {
        let mut command = self.command(Path::new("/bin/sh"));
        command.args(["-c", r#"read -r go && exec "$@" </dev/null"#, "events-server-to-be"]).arg(program);
        command.stdin(Stdio::piped());
        command
    }

    /// Has the guard end this process group with this signal when we are gone.
    pub(super) fn running(&mut self, group: u32, signal: &str) -> anyhow::Result<()> {
        self.tell(&format!("run {group} {signal}\n"))
    }

    /// Has the guard forget a process group whose number may be somebody else's soon.
    pub(super) fn ended(&mut self, group: u32) -> anyhow::Result<()> {
        self.tell(&format!("ended {group}\n"))
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let pipe = self.guard.stdin.as_mut().context("the guard has no pipe")?;
        pipe.write_all(line.as_bytes()).with_context(|| format!("the guard of {} is gone", self.path.display()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.guard.stdin.take()); // the guard removes the directory
        let _ = self.guard.wait();
    }
}
