//! Text from outside as it may be stored and shown: cut, without control characters, without the subscriber's secrets.

use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// Shorter values are no secrets, and masking them would make the text unreadable.
const SHORTEST_SECRET: usize = 4;

/// Beginnings of signing secrets as receivers know them. Nothing else looks like this.
const SIGNING_SECRETS: [&str; 2] = ["whsec_", "whsk_"];

/// Masks the values of custom headers, and signing secrets, where an endpoint repeats them.
pub(super) struct Cleaner<'a> {
    secrets: Vec<&'a str>,
}

impl<'a> Cleaner<'a> {
    pub(super) fn new(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let values = secrets.into_iter().map(SecretString::expose_secret);
        let mut secrets: Vec<_> = values.filter(|value| value.len() >= SHORTEST_SECRET).collect();
        secrets.sort_by_key(|value| std::cmp::Reverse(value.len())); // one may be a part of another
        Self { secrets }
    }

    /// At most `max` bytes of the text, and whether something was cut off. Line breaks and tabs stay; other control
    /// characters and those that reorder text are left out.
    pub(super) fn clean(&self, bytes: &[u8], max: usize) -> (String, bool) {
        // First of all, so that no secret hides behind a character that is left out.
        let mut kept = shown(bytes);
        for secret in &self.secrets {
            if kept.contains(secret) {
                kept = kept.replace(secret, MASK);
            }
        }
        for beginning in SIGNING_SECRETS {
            if kept.contains(beginning) {
                kept = without_keys(&kept, beginning);
            }
        }
        let cut = kept.len() > max;
        if cut {
            kept.truncate(kept.floor_char_boundary(max));
        }
        (kept, cut)
    }
}

/// The text with a mask in the place of each key that follows this beginning.
fn without_keys(text: &str, beginning: &str) -> String {
    let is_key =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '-' | '_');
    let mut parts = text.split(beginning);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.extend([beginning, MASK, part.trim_start_matches(is_key)]);
    }
    masked
}

/// The text without what is not shown: nearly always all of it.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.chars().all(is_shown) { text.into_owned() } else { text.chars().filter(|it| is_shown(*it)).collect() }
}

fn is_shown(character: char) -> bool {
    let breaks = matches!(character, '\n' | '\t');
    let reorders =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    breaks || !(character.is_control() || reorders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_and_has_no_control_characters() {
        let cleaner = Cleaner::new([]);
        assert_eq!(cleaner.clean("a\r\n\tb\u{0}\u{1b}[31m\u{202e}c".as_bytes(), 99), ("a\n\tb[31mc".into(), false));
        assert_eq!(cleaner.clean("aé".as_bytes(), 2), ("a".into(), true));
        assert_eq!(cleaner.clean(b"\xff\xfe", 99), ("\u{fffd}\u{fffd}".into(), false));
    }

    #[test]
    fn a_secret_that_is_repeated_is_masked_also_where_it_contains_another() {
        let secrets = ["abcd".into(), "abcdefgh".into(), "x".into()];
        let cleaner = Cleaner::new(&secrets);
        assert_eq!(cleaner.clean(b"x: abcdefgh, abcd", 99).0, "x: ***, ***");
        assert_eq!(cleaner.clean(b"x: ab\0cdef\x1bgh", 99).0, "x: ***", "also behind characters that are left out");
    }

    #[test]
    fn a_signing_secret_that_is_repeated_is_masked() {
        let cleaner = Cleaner::new([]);
        let clean = |text: &str| cleaner.clean(text.as_bytes(), 99).0;
        assert_eq!(clean("{\"secret\":\"whsec_cOhi+Nv8/w==\"}"), "{\"secret\":\"whsec_***\"}");
        assert_eq!(clean("whsk_a-b_c whsec_\0d, whpk_e"), "whsk_*** whsec_***, whpk_e");
    }
}
