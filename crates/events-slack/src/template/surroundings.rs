//! Where in Slack's own syntax a value would stand: `<!channel>`, `<@U1>`, `<https://…|text>`, `&lt;`.
//!
//! A value is escaped, so it cannot write `<` itself; but template text around it could lend
//! it one. `<{name}>` would turn the value `!channel` into a mention, `<https://{host}|Pay>`
//! would let it choose where a link leads, and `R&{name}` would turn `lt;` into `<`.

/// What template text has opened and not closed.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// The text since an open `<`.
    token: Option<String>,
}

impl Surroundings {
    /// Takes in one character of template text.
    pub(super) fn text(&mut self, character: char) {
        match (character, &mut self.token) {
            ('<', _) => self.token = Some(String::new()),
            ('>', _) => self.token = None,
            (_, Some(token)) => token.push(character),
            (_, None) => {}
        }
    }

    /// Whether a value may follow; `text` is the template text since the last value.
    pub(super) fn value(&self, text: &str) -> Result<(), &'static str> {
        match &self.token {
            _ if ends_in_open_entity(text) => Err("a value after `&` could become another character; write `&amp;`"),
            Some(token) if !destination_is_fixed(token) => Err(
                "inside `<…>` a value may only follow a fixed address, as in `<https://app.example/users/{id}|{email}>`; \
                 write `&lt;` for a plain `<`",
            ),
            _ => Ok(()),
        }
    }

    /// Whether everything is closed.
    pub(super) fn end(&self) -> Result<(), &'static str> {
        match self.token {
            Some(_) => Err("a `<` is never closed; write `&lt;` for a plain `<`"),
            None => Ok(()),
        }
    }
}

/// Whether a link's scheme and host are complete, so that nothing after them leads elsewhere.
fn destination_is_fixed(token: &str) -> bool {
    if let Some(address) = token.strip_prefix("mailto:") {
        return address.contains('|');
    }
    let rest = token.strip_prefix("https://").or_else(|| token.strip_prefix("http://"));
    let host_ends = rest.and_then(|rest| rest.find(['/', '?', '#', '|']));
    host_ends.is_some_and(|end| end > 0)
}

/// Whether a text ends in a beginning of `&amp;`, `&lt;` or `&gt;` that more text could complete.
pub(super) fn ends_in_open_entity(text: &str) -> bool {
    let Some(at) = text.rfind('&') else { return false };
    ["&amp;", "&lt;", "&gt;"].iter().any(|entity| entity.len() > text.len() - at && entity.starts_with(&text[at..]))
}
