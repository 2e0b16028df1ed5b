//! One pass over JSON text for what a parser accepts and a database or handler would not.

/// Why a syntactically valid JSON text cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    TooDeep,
    NulCharacter,
    UnpairedSurrogate,
}

/// Looks for nesting beyond `max_depth`, for `\u0000` (PostgreSQL cannot store it) and for
/// surrogates without a partner (no handler could decode them). `json` is valid JSON.
pub(super) fn scan(json: &str, max_depth: usize) -> Result<(), Finding> {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut i = 0;
    while i < bytes.len() {
        match (in_string, bytes[i]) {
            (true, b'\\') => {
                if bytes.get(i + 1) == Some(&b'u') {
                    i += check_escape(bytes, i)?;
                } else {
                    i += 2;
                }
                continue;
            }
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                if depth > max_depth {
                    return Err(Finding::TooDeep);
                }
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
    }
    Ok(())
}

/// Checks the escape at `at` and answers how many bytes it takes: 6, or 12 for a pair.
fn check_escape(bytes: &[u8], at: usize) -> Result<usize, Finding> {
    match code_unit(bytes, at) {
        Some(0) => Err(Finding::NulCharacter),
        Some(0xD800..=0xDBFF) => match code_unit(bytes, at + 6) {
            Some(0xDC00..=0xDFFF) => Ok(12),
            _ => Err(Finding::UnpairedSurrogate),
        },
        Some(0xDC00..=0xDFFF) => Err(Finding::UnpairedSurrogate),
        _ => Ok(6),
    }
}

fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_would_hurt_later() {
        assert_eq!(scan(r#"{"a":[1,{"b":2}]}"#, 3), Ok(()));
        assert_eq!(scan(r#"{"a":[1,{"b":2}]}"#, 2), Err(Finding::TooDeep));
        assert_eq!(scan(r#"{"a":"[[[[["}"#, 1), Ok(()));
        assert_eq!(scan(r#"{"a":"\u0000"}"#, 9), Err(Finding::NulCharacter));
        assert_eq!(scan(r#"{"a":"\\u0000"}"#, 9), Ok(()), "an escaped backslash, then plain text");
        assert_eq!(scan(r#"{"a":"\\\u0000"}"#, 9), Err(Finding::NulCharacter));
        assert_eq!(scan(r#"{"a":"\"\u0000"}"#, 9), Err(Finding::NulCharacter));
        assert_eq!(scan(r#"{"a":"\ud83d\ude00"}"#, 9), Ok(()));
        assert_eq!(scan(r#"{"a":"\ud83d"}"#, 9), Err(Finding::UnpairedSurrogate));
        assert_eq!(scan(r#"{"a":"\ud83dx\ude00"}"#, 9), Err(Finding::UnpairedSurrogate));
        assert_eq!(scan(r#"{"a":"\ude00"}"#, 9), Err(Finding::UnpairedSurrogate));
    }
}
