//! `cargo xtask tidy`: files over 500 lines, missing headers, docs that name paths that do not exist.

use std::fs;

use anyhow::bail;

use crate::process::{files, root};

/// Lines from on which a file has more than one subject.
const MAX_LINES: usize = 500;
/// Files whose length follows from data.
const GENERATED: [&str; 2] = ["crates/events-core/src/catalog/types.rs", "docs/events.md"];
/// First parts of paths that docs name.
const ROOTS: [&str; 5] = ["crates/", "docs/", "tests/", "xtask/", ".ci/"];

/// Reports everything that is untidy, then fails if anything was.
pub(crate) fn run() -> anyhow::Result<()> {
    let files = files()?;
    let mut faults = Vec::new();
    for path in &files {
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        if path.ends_with(".rs") {
            check_source(path, &text, &mut faults);
        }
        if path.ends_with(".md") {
            check_doc(path, &text, &mut faults);
        }
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} untidy places", faults.len());
    }
    eprintln!("==> tidy: {} files in order", files.len());
    Ok(())
}

fn check_source(path: &str, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > MAX_LINES && !GENERATED.contains(&path) {
        faults.push(format!("{path}: {lines} lines; look for the seam, {MAX_LINES} is the limit"));
    }
    if !text.starts_with("//!") {
        faults.push(format!("{path}:1: does not open with a `//!` line that says its subject"));
    }
}

/// Paths in backticks and targets of links must exist.
fn check_doc(path: &str, text: &str, faults: &mut Vec<String>) {
    let folder = root().join(path).parent().map(std::path::Path::to_owned).unwrap_or_default();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for word in line.split('`').skip(1).step_by(2) {
            let named = word.trim_end_matches('/');
            let is_path = ROOTS.iter().any(|start| word.starts_with(start)) && !word.contains(['*', '<', ' ', '…']);
            if is_path && !root().join(named).exists() {
                faults.push(format!("{path}:{}: names `{word}`, which does not exist", at + 1));
            }
        }
        for link in line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let file = link.split('#').next().unwrap_or_default();
            let local = !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            if local && !folder.join(file).exists() {
                faults.push(format!("{path}:{}: links to {link}, which does not exist", at + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untidy_places_are_found() {
        let mut faults = Vec::new();
        check_source("a.rs", "fn a() {}\n", &mut faults);
        check_source("b.rs", &"//! b\n".repeat(501), &mut faults);
        check_doc("README.md", "`crates/no-such-crate/` and [a](docs/no-such.md)\n", &mut faults);
        assert_eq!(faults.len(), 4, "{faults:?}");
        faults.clear();
        check_source("c.rs", "//! c\n", &mut faults);
        check_doc("README.md", "`crates/events-core`, [a](https://example.com), `cargo xtask test`\n", &mut faults);
        assert!(faults.is_empty(), "{faults:?}");
    }
}
