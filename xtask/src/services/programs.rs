//! Where the programs of PostgreSQL and RabbitMQ are.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Directories of PostgreSQL versions: a parent, what their names begin with, and where the programs are inside.
const POSTGRES: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),          // Debian
    ("/usr", "pgsql-", "bin"),                   // the project's packages for Fedora and its kin
    ("/opt/homebrew/opt", "postgresql@", "bin"), // Homebrew on Apple's processors
    ("/usr/local/opt", "postgresql@", "bin"),    // Homebrew on Intel's
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];
/// Debian's wrapper in the PATH refuses ordinary users, so the real script comes first.
const RABBITMQ: [&str; 3] = ["/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin", "/usr/local/sbin"];

/// The directory with `initdb` and `postgres`, of the newest version there is.
pub(super) fn postgres() -> Option<PathBuf> {
    let complete = |directory: &PathBuf| ["initdb", "postgres"].iter().all(|name| directory.join(name).is_file());
    let versions = POSTGRES.iter().filter_map(|(parent, prefix, inside)| newest(Path::new(parent), prefix, inside));
    let configured = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    versions
        .chain(in_path(&std::env::var_os("PATH").unwrap_or_default(), "initdb"))
        .find(complete)
        .or_else(|| configured().filter(complete))
}

/// The directory with `rabbitmq-server` and `rabbitmqctl`.
pub(super) fn rabbitmq() -> Option<PathBuf> {
    let complete =
        |directory: &PathBuf| ["rabbitmq-server", "rabbitmqctl"].iter().all(|name| directory.join(name).is_file());
    let path = std::env::var_os("PATH").unwrap_or_default();
    RABBITMQ.iter().map(PathBuf::from).chain(in_path(&path, "rabbitmq-server")).find(complete)
}

/// Whether a program is in the PATH.
pub(super) fn is_in_path(program: &str) -> bool {
    in_path(&std::env::var_os("PATH").unwrap_or_default(), program).next().is_some()
}

/// The directories of a PATH that have a program.
fn in_path(path: &OsStr, program: &str) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(move |directory| directory.join(program).is_file())
}

/// `<parent>/<prefix><number>/<inside>` with the greatest number.
fn newest(parent: &Path, prefix: &str, inside: &str) -> Option<PathBuf> {
    let numbered = fs::read_dir(parent).ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let version: f64 = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
        Some((version, entry.path().join(inside)))
    });
    let installed = numbered.filter(|(_, directory)| directory.is_dir());
    installed.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, directory)| directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::place::Place;

    #[test]
    fn the_newest_version_is_found_by_number_and_not_by_name() {
        let place = Place::new("programs", "nobody").unwrap();
        for version in ["9.6/bin", "15/bin", "18/doc", "common/bin", "pgsql-16/bin"] {
            fs::create_dir_all(place.path().join(version)).unwrap();
        }
        assert_eq!(newest(place.path(), "", "bin"), Some(place.path().join("15/bin")));
        assert_eq!(newest(place.path(), "pgsql-", "bin"), Some(place.path().join("pgsql-16/bin")));
        assert_eq!(newest(place.path(), "", "sbin"), None);
        assert_eq!(newest(&place.path().join("no-such"), "", "bin"), None);
    }

    #[test]
    fn a_program_in_the_path_is_found_in_the_order_of_the_path() {
        let place = Place::new("programs", "nobody").unwrap();
        let directories = ["empty", "first", "second"].map(|name| place.path().join(name));
        for directory in &directories {
            fs::create_dir(directory).unwrap();
        }
        for directory in &directories[1..] {
            fs::write(directory.join("initdb"), "").unwrap();
        }
        let path = std::env::join_paths(&directories).unwrap();
        assert_eq!(in_path(&path, "initdb").collect::<Vec<_>>(), directories[1..]);
        assert_eq!(in_path(&path, "postgres").next(), None);
    }
}
