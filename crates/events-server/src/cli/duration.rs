//! Times on the command line: `500ms`, `2s`, `5m`, `24h`, `7d`.

use std::time::Duration;

/// Reads a time with its unit.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let unit = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(unit);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("write a whole number and its unit: 500ms, 2s, 5m, 24h, 7d".to_owned()),
    };
    let count: u64 = count.parse().map_err(|_| "the number is missing or too large".to_owned())?;
    count.checked_mul(millis).map(Duration::from_millis).ok_or_else(|| "the time is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, millis) in [("500ms", 500), ("0s", 0), ("2s", 2_000), ("5m", 300_000), ("7d", 604_800_000)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "1.5s", "-1s", "1 s", "99999999999999999999s", "18446744073709551615d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
