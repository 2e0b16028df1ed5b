//! The binary under test.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// Path of `events-server` in the target directory and profile that this test was built into.
///
/// Built once when it is missing. When it is there it is taken as it is: `cargo xtask test`
/// builds it before the tests run.
///
/// # Panics
/// When it is missing and cannot be built.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(find_or_build);
    &BINARY
}

fn find_or_build() -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its own path");
    // target/<profile>/deps/<test>
    let profile = test.ancestors().nth(2).expect("cargo runs tests from its target directory");
    let binary = profile.join("events-server").with_extension(std::env::consts::EXE_EXTENSION);
    if !binary.exists() {
        build(profile);
    }
    assert!(binary.exists(), "{} is missing; run `cargo build -p events-server`", binary.display());
    binary
}

fn build(profile: &Path) {
    let target = profile.parent().expect("a profile's directory lies in the target directory");
    // The directory of the profile `dev` has another name.
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(name) => name,
    };
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "events-server", "--profile", name, "--target-dir"])
        .arg(target)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "`cargo build -p events-server` failed");
}
