//! `cargo xtask generate`: files that follow from the catalog.

use std::{collections::BTreeMap, fmt::Write, fs};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process::root;

const CATALOG: &str = "crates/events-core/catalog/events.json";

/// Writes the generated files; with `check`, only compares them.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    let catalog: Value = serde_json::from_str(&fs::read_to_string(root().join(CATALOG))?)?;
    let generated =
        [("crates/events-core/src/catalog/types.rs", constants(&catalog)?), ("docs/events.md", page(&catalog)?)];
    for (path, text) in generated {
        let there = fs::read_to_string(root().join(path)).unwrap_or_default();
        if there == text {
            continue;
        }
        if check {
            bail!("{path} does not follow from {CATALOG}; run `cargo xtask generate`");
        }
        fs::write(root().join(path), text).with_context(|| format!("cannot write {path}"))?;
        eprintln!("wrote {path}");
    }
    eprintln!("==> generate: up to date");
    Ok(())
}

/// Entries by type.
fn entries(catalog: &Value) -> anyhow::Result<BTreeMap<&str, &Value>> {
    let events = catalog["events"].as_array().context("the catalog has no list `events`")?;
    events.iter().map(|entry| Ok((entry["type"].as_str().context("an entry has no type")?, entry))).collect()
}

fn constants(catalog: &Value) -> anyhow::Result<String> {
    let mut text = String::from(
        "//! Constants for the event types of the catalog.\n//!\n\
         //! Generated from `catalog/events.json` by `cargo xtask generate`; edit that file instead.\n\n\
         use crate::event::EventType;\n\n",
    );
    for (name, entry) in entries(catalog)? {
        let constant = name.to_uppercase().replace('.', "_");
        writeln!(text, "/// `{name}`: {}", entry["description"].as_str().unwrap_or_default())?;
        let (left, right) =
            (format!("pub const {constant}: EventType ="), format!("EventType::from_static(\"{name}\");"));
        // As rustfmt writes it: on one line where it fits.
        let gap = if left.len() + right.len() < 120 { " " } else { "\n    " };
        writeln!(text, "{left}{gap}{right}")?;
    }
    Ok(text)
}

fn page(catalog: &Value) -> anyhow::Result<String> {
    let mut text = String::from(
        "# Event types\n\nGenerated from `crates/events-core/catalog/events.json` by `cargo xtask generate`.\n\
         An event of any other type is accepted too. Types marked * have fields that are a proposal:\n\
         the source documents name the type only.\n",
    );
    let mut categories: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
    for (name, entry) in entries(catalog)? {
        categories.entry(entry["category"].as_str().unwrap_or_default()).or_default().push((name, entry));
    }
    for (category, entries) in categories {
        write!(
            text,
            "\n## {}\n\n| type | what happened | fields (required **bold**) |\n|---|---|---|\n",
            title(category)
        )?;
        for (name, entry) in entries {
            let mark = if entry["payload_specified"] == false { " *" } else { "" };
            let description = entry["description"].as_str().unwrap_or_default();
            writeln!(text, "| `{name}`{mark} | {description} | {} |", fields(entry))?;
        }
    }
    text.push_str(
        "\n## Aliases\n\nStored as emitted, handled as the type they stand for.\n\n| alias | stands for |\n|---|---|\n",
    );
    for (alias, canonical) in catalog["aliases"].as_object().into_iter().flatten() {
        writeln!(text, "| `{alias}` | `{}` |", canonical.as_str().unwrap_or_default())?;
    }
    Ok(text)
}

fn fields(entry: &Value) -> String {
    let field = |field: &Value| {
        let name = field["name"].as_str().unwrap_or_default();
        let name = if field["required"] == true { format!("**{name}**") } else { name.to_owned() };
        match field["unit"].as_str() {
            Some(unit) => format!("{name} ({unit} units)"),
            None => name,
        }
    };
    entry["fields"].as_array().into_iter().flatten().map(field).collect::<Vec<_>>().join(", ")
}

fn title(category: &str) -> String {
    let mut characters = category.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
