//! Text from outside as it may be stored and shown: cut, without control characters, without the subscriber's secrets.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";

/// Shorter values are no secrets, and masking them would make the text unreadable.
const SHORTEST_SECRET: usize = 4;

/// Masks the values of custom headers where an endpoint repeats them.
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
        let mut text = String::from_utf8_lossy(bytes);
        for secret in &self.secrets {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, MASK));
            }
        }
        let mut kept: String = text.chars().filter(|character| is_shown(*character)).collect();
        let cut = kept.len() > max;
        if cut {
            kept.truncate(kept.floor_char_boundary(max));
        }
        (kept, cut)
    }
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
    }
}
