//! `cargo xtask ci`: what a change must pass.

use std::process::{Command, Stdio};

use crate::{
    deploy, generate, layers,
    process::{cargo, cargo_command, root, run as run_command},
    test, tidy,
};

/// Quick checks first, so that a small slip is reported before the long ones run.
pub(crate) fn run(with_tests: bool) -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    generate::run(true)?;
    tidy::run()?;
    layers::run()?;
    deploy::run()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"])?;
    cargo(&["check", "--package", "events-core", "--no-default-features"])?;
    fuzz_targets()?;
    let mut doc = cargo_command(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    run_command(doc, "cargo doc")?;
    deny()?;
    if with_tests {
        test::run(&[], true)?;
    }
    Ok(())
}

/// The fuzz targets are a workspace of their own, which the commands for the whole workspace pass over.
fn fuzz_targets() -> anyhow::Result<()> {
    const MANIFEST: [&str; 2] = ["--manifest-path", "fuzz/Cargo.toml"];
    cargo(&[&["fmt"], &MANIFEST[..], &["--check"]].concat())?;
    let mut clippy = cargo_command(&[&["clippy"], &MANIFEST[..], &["--", "--deny", "warnings"]].concat());
    if std::env::var_os("CARGO_TARGET_DIR").is_none() {
        clippy.env("CARGO_TARGET_DIR", root().join("target")); // where the project's crates are checked already
    }
    run_command(clippy, "cargo clippy, fuzz targets")
}

/// Licences, bans, sources and layering, where cargo-deny is installed.
fn deny() -> anyhow::Result<()> {
    let mut probe = Command::new("cargo-deny");
    let installed = probe.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !installed {
        eprintln!("==> cargo deny: skipped, it is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    let mut deny = Command::new("cargo-deny");
    deny.args(["check", "bans", "licenses", "sources"]).current_dir(root());
    run_command(deny, "cargo deny check bans licenses sources")
}
