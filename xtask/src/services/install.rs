//! Installing what is missing, where that is possible without asking anybody: Debian's packages, as root.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::{account::is_root, programs::is_in_path};

/// A package of Debian and its kin.
#[derive(Debug, Clone, Copy)]
pub struct Install {
    /// What people call it.
    pub name: &'static str,
    /// What the package is called.
    pub package: &'static str,
}

/// Whether a package was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It was.
    Now,
    /// It may not be, by us.
    MayNot,
}

impl Install {
    /// The command that a person runs.
    #[must_use]
    pub fn by_hand(&self) -> String {
        if is_in_path("brew") {
            let formula = if self.package == "rabbitmq-server" { "rabbitmq" } else { self.package };
            return format!("brew install {formula}");
        }
        format!("sudo apt-get install {}", self.package)
    }

    /// Installs the package, if we are root on a Debian. Its server is not started, and no database is set up.
    ///
    /// # Errors
    /// When it may be installed and cannot: without a network, say.
    pub fn where_possible(&self) -> anyhow::Result<Installed> {
        if !is_root() || !is_in_path("apt-get") || !Path::new("/etc/debian_version").exists() {
            return Ok(Installed::MayNot);
        }
        let Self { name, package } = self;
        eprintln!("Installing {name}, which the tests need: apt-get install {package} (its own server is not started)");
        // Both files are read by the packages' own scripts, and are gone again afterwards.
        let _no_start = Passing::file("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)?;
        let _no_cluster = Passing::file(
            "/etc/postgresql-common/createcluster.d/events-tests.conf",
            "create_main_cluster = false\n",
            0o644,
        )?;
        apt_get(&["update"])?;
        apt_get(&["install", "--yes", "--no-install-recommends", package])?;
        Ok(Installed::Now)
    }
}

/// Runs apt-get; what it prints is shown when it fails.
fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let output = command.output().context("cannot run apt-get")?;
    if !output.status.success() {
        bail!(
            "apt-get {} failed: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
    }
    Ok(())
}

/// A file that is there for a while, unless somebody has put one there already.
struct Passing {
    ours: Vec<PathBuf>,
}

impl Passing {
    fn file(path: impl AsRef<Path>, text: &str, mode: u32) -> anyhow::Result<Self> {
        let path = path.as_ref();
        let mut passing = Self { ours: Vec::new() };
        if path.exists() {
            return Ok(passing);
        }
        let missing = path.ancestors().skip(1).take_while(|parent| !parent.exists());
        let missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        for parent in missing.into_iter().rev() {
            fs::create_dir(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
            passing.ours.push(parent);
        }
        passing.ours.push(path.to_owned());
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(passing)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        for path in self.ours.iter().rev() {
            // A directory that a package has put something into stays.
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::place::Place;

    #[test]
    fn a_passing_file_leaves_nothing_and_replaces_nothing() {
        let place = Place::new("install", "nobody").unwrap();
        let file = place.path().join("a/b/file");
        let passing = Passing::file(&file, "ours", 0o755).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "ours");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o755);
        drop(passing);
        assert!(!place.path().join("a").exists());

        fs::write(place.path().join("file"), "theirs").unwrap();
        drop(Passing::file(place.path().join("file"), "ours", 0o755).unwrap());
        assert_eq!(fs::read_to_string(place.path().join("file")).unwrap(), "theirs");
    }

    #[test]
    fn a_directory_that_somebody_else_uses_stays() {
        let place = Place::new("install", "nobody").unwrap();
        let passing = Passing::file(place.path().join("a/file"), "ours", 0o644).unwrap();
        fs::write(place.path().join("a/other"), "theirs").unwrap();
        drop(passing);
        assert!(place.path().join("a/other").exists());
        assert!(!place.path().join("a/file").exists());
    }
}
