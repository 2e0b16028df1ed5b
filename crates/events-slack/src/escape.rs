//! Making user values harmless in Slack's markup, and cutting marked-up text without breaking it.

/// Longest value shown, in characters before escaping.
pub(crate) const VALUE_CHARS: usize = 200;

/// A value as it may stand in a message: no control or bidirectional formatting characters,
/// line breaks and tabs as one space, at most [`VALUE_CHARS`] characters, `&`, `<` and `>`
/// escaped. Cut before escaping, so that an entity is never split.
pub(crate) fn value(raw: &str) -> String {
    escape(&clean(raw, VALUE_CHARS))
}

/// Slack's escaping: exactly `&`, `<` and `>`, in one pass.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// One line of plain text of at most `max` characters, `…` included where it was cut.
pub(crate) fn clean(raw: &str, max: usize) -> String {
    let (mut text, mut count, mut after_break) = (String::new(), 0, false);
    for character in raw.chars() {
        let breaks = matches!(character, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let repeated = breaks && std::mem::replace(&mut after_break, breaks);
        after_break = breaks;
        if repeated || (!breaks && (character.is_control() || is_bidi_control(character))) {
            continue;
        }
        if count == max {
            text.pop();
            text.push('…');
            return text;
        }
        text.push(if breaks { ' ' } else { character });
        count += 1;
    }
    text
}

/// Characters that reorder the text around them, and so make a name look like another.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `max` characters of marked-up text, `…` included; never ends inside an entity
/// such as `&amp;` or a token such as `<https://…|text>`.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().nth(max.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    let mut kept = &text[..end];
    if let Some(at) = kept.rfind('<').filter(|at| !kept[*at..].contains('>')) {
        kept = &kept[..at];
    }
    if let Some(at) = kept.rfind('&').filter(|at| !kept[*at..].contains(';') && kept.len() - at < 5) {
        kept = &kept[..at];
    }
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_three_characters_are_escaped_and_in_one_pass() {
        assert_eq!(value("a & b <c> &lt; *d* _e_ \"f\" 'g'"), "a &amp; b &lt;c&gt; &amp;lt; *d* _e_ \"f\" 'g'");
    }

    #[test]
    fn control_and_bidi_characters_go_and_line_breaks_are_one_space() {
        assert_eq!(value("a\r\n\t\nb\u{0}\u{7}\u{1b}c\u{2028}d\u{85}e"), "a bc d e");
        assert_eq!(value("a\n b"), "a  b", "a space of the value's own stays");
        assert_eq!(value("\u{202e}gpj.exe\u{2066}\u{2069}\u{200f}\u{61c}x"), "gpj.exex");
        assert_eq!(value("👩‍👩‍👧 عربى é"), "👩‍👩‍👧 عربى é", "letters of all scripts and joined emoji stay");
    }

    #[test]
    fn a_long_value_is_cut_to_200_characters_before_escaping() {
        assert_eq!(value(&"x".repeat(200)), "x".repeat(200));
        assert_eq!(value(&"é".repeat(201)), format!("{}…", "é".repeat(199)));
        assert_eq!(value(&"&".repeat(500)), format!("{}…", "&amp;".repeat(199)));
    }

    #[test]
    fn marked_up_text_is_cut_between_entities_and_tokens() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("abc&amp;defg", 6), "abc…");
        assert_eq!(cut("abc&amp;defg", 9), "abc&amp;…");
        assert_eq!(cut("ab<https://a.example|x>cd", 12), "ab…");
        assert_eq!(cut("ab<!x>cdefgh", 8), "ab<!x>c…");
        assert_eq!(cut("R&D and more", 9), "R&D and …", "a plain ampersand is no entity");
    }
}
