//! What was measured, as a table for people and JSON for programs.

use std::{fs, path::PathBuf};

use anyhow::bail;
use serde_json::{Value, json};

/// Median, least and greatest of several rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    least: f64,
    greatest: f64,
}

impl Figure {
    pub(crate) fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |at: usize| rounds.get(at).copied().unwrap_or(f64::NAN);
        Self { median: at(rounds.len() / 2), least: at(0), greatest: at(rounds.len().saturating_sub(1)) }
    }
}

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Shown for comparison, not judged.
    Shown,
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::Shown => true,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
            Self::Shown => "-".to_owned(),
        }
    }
}

/// Collects lines and prints them as they come.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<Value>,
    missed: Vec<String>,
}

impl Report {
    /// A figure beside its raw limit: the ratio of the medians is judged.
    pub(crate) fn ratio(&mut self, name: &str, unit: &str, figure: Figure, raw: Figure, target: Target) {
        let ratio = figure.median / raw.median;
        println!(
            "{name:<46} {:>12}   raw {:>12}   ratio {ratio:>6.3}   {:<8} {}",
            shown(figure, unit),
            shown(raw, unit),
            target.shown(),
            if target.is_met(ratio) { "ok" } else { "MISSED" },
        );
        self.record(name, target.is_met(ratio), &json!({
            "name": name, "unit": unit, "value": json_of(figure), "raw": json_of(raw), "ratio": ratio, "target": target.shown(),
        }));
    }

    /// A figure that is judged by itself.
    pub(crate) fn value(&mut self, name: &str, unit: &str, figure: Figure, target: Target) {
        let met = target.is_met(figure.median);
        println!(
            "{name:<46} {:>12}   {:<46} {:<8} {}",
            shown(figure, unit),
            "",
            target.shown(),
            if met { "ok" } else { "MISSED" },
        );
        self.record(
            name,
            met,
            &json!({ "name": name, "unit": unit, "value": json_of(figure), "target": target.shown() }),
        );
    }

    /// A figure that is judged by itself, with the raw limit beside it.
    pub(crate) fn value_beside(&mut self, name: &str, unit: &str, figure: Figure, raw: Figure, target: Target) {
        let (ratio, met) = (figure.median / raw.median, target.is_met(figure.median));
        println!(
            "{name:<46} {:>12}   raw {:>12}   ratio {ratio:>6.3}   {:<8} {}",
            shown(figure, unit),
            shown(raw, unit),
            format!("{} {unit}", target.shown()),
            if met { "ok" } else { "MISSED" },
        );
        self.record(name, met, &json!({
            "name": name, "unit": unit, "value": json_of(figure), "raw": json_of(raw), "ratio": ratio, "target": target.shown(),
        }));
    }

    fn record(&mut self, name: &str, met: bool, line: &Value) {
        let mut line = line.clone();
        line["met"] = json!(met);
        self.lines.push(line);
        if !met {
            self.missed.push(name.to_owned());
        }
    }

    /// Writes `target/bench.json` and fails when a target was missed.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let path = target().join("bench.json");
        fs::write(&path, serde_json::to_string_pretty(&self.lines)?)?;
        if !self.missed.is_empty() {
            bail!("missed: {}", self.missed.join(", "));
        }
        Ok(())
    }
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    let elsewhere = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    elsewhere.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

fn shown(Figure { median, least, greatest }: Figure, unit: &str) -> String {
    let number = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    format!("{} {unit} ({}..{})", number(median), number(least), number(greatest))
}

fn json_of(Figure { median, least, greatest }: Figure) -> Value {
    json!({ "median": median, "min": least, "max": greatest })
}
