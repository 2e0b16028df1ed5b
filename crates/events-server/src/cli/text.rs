//! How answers are printed: as JSON, or as aligned columns.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde_json::Value;

/// Prints a line. `println!` would panic when the reader is gone, as `head` soon is.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Prints JSON for programs, one document.
pub(super) fn print_json(value: &Value) -> io::Result<()> {
    say(format_args!("{value:#}"))
}

/// A value as it is shown to people: texts bare, nothing for `null`.
pub(super) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A terminal would obey control characters that an event brings along.
    text.chars().filter(|character| !character.is_control()).collect()
}

/// The rows of a list under a JSON key.
pub(super) fn rows<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().map_or(&[], Vec::as_slice)
}

/// Prints rows as columns: a title and the field of each.
pub(super) fn print_table(rows: &[Value], columns: &[(&str, &str)]) -> io::Result<()> {
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|(_, field)| shown(&row[*field])).collect()).collect();
    let width = |at: usize| {
        let longest = cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        longest.max(columns[at].0.len())
    };
    let widths: Vec<_> = (0..columns.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(padded.join("  ").trim_end())
    };
    line(&mut columns.iter().map(|(title, _)| *title))?;
    for row in &cells {
        line(&mut row.iter().map(String::as_str))?;
    }
    if rows.is_empty() { say("(none)") } else { Ok(()) }
}
