//! Reading a template: the grammar, and errors that name the place.

use super::{
    Piece, Shape, Template, TemplateError,
    surroundings::{Surroundings, ends_in_open_entity},
};

/// Longest part of a template that an error repeats, in characters.
const SHOWN: usize = 200;

/// A fault at a place, counted in characters from 0.
struct Fault(usize, String);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] for anything outside the language: an unknown format, an empty or
    /// unusual name, a brace without its partner, or a value at a place of Slack's own syntax
    /// where it could become a mention or a link of its own.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let chars: Vec<char> = source.chars().collect();
        let pieces = pieces(&chars).map_err(|Fault(at, problem)| TemplateError {
            template: shown(source),
            position: at + 1,
            problem,
        })?;
        Ok(Self { pieces })
    }

    /// Whether a text is a name that could stand in a template.
    pub(crate) fn is_name(text: &str) -> bool {
        check_name(&text.chars().collect::<Vec<_>>()).is_ok()
    }
}

fn shown(source: &str) -> String {
    let mut shown: String = source.chars().take(SHOWN).collect();
    if shown.len() < source.len() {
        shown.push('…');
    }
    shown
}

fn pieces(chars: &[char]) -> Result<Vec<Piece>, Fault> {
    let (mut pieces, mut text, mut surroundings) = (Vec::new(), String::new(), Surroundings::default());
    let mut at = 0;
    while let Some(&character) = chars.get(at) {
        match (character, chars.get(at + 1)) {
            ('{', Some('{')) | ('}', Some('}')) => {
                text.push(character);
                surroundings.text(character);
                at += 2;
            }
            ('{', _) => {
                let end = closing_brace(chars, at)?;
                surroundings.value(&text).map_err(|problem| Fault(at, problem.to_owned()))?;
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(
                    placeholder(&chars[at + 1..end]).map_err(|Fault(in_it, problem)| Fault(at + 1 + in_it, problem))?,
                );
                at = end + 1;
            }
            ('}', _) => return Err(Fault(at, "this `}` closes nothing; write `}}` for a brace".into())),
            _ => {
                text.push(character);
                surroundings.text(character);
                at += 1;
            }
        }
    }
    surroundings.end().map_err(|problem| Fault(chars.len().saturating_sub(1), problem.to_owned()))?;
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn closing_brace(chars: &[char], open: usize) -> Result<usize, Fault> {
    let brace = chars[open + 1..].iter().position(|character| matches!(character, '{' | '}'));
    match brace.map(|offset| open + 1 + offset) {
        Some(at) if chars[at] == '}' => Ok(at),
        Some(at) => Err(Fault(at, "a placeholder holds no `{`".into())),
        None => Err(Fault(open, "this `{` is never closed; write `{{` for a brace".into())),
    }
}

/// What stands between two braces.
fn placeholder(inner: &[char]) -> Result<Piece, Fault> {
    let text = |part: &[char]| part.iter().collect::<String>();
    let (name, shape) = match inner.iter().position(|character| matches!(character, ':' | '|')) {
        None => (inner, Shape::Plain),
        Some(at) if inner[at] == '|' => (&inner[..at], Shape::OrDefault(default(inner, at + 1)?)),
        Some(at) if inner[at + 1..] == [','] => (&inner[..at], Shape::Thousands),
        Some(at) => {
            let format = text(&inner[at..]);
            return Err(Fault(
                at,
                format!("`{format}` is not a format; the only one is `:,`, and it takes no default"),
            ));
        }
    };
    check_name(name)?;
    Ok(Piece::Value { name: text(name), shape })
}

/// The text after `|`. It is template text, so it must be complete in itself.
fn default(inner: &[char], start: usize) -> Result<String, Fault> {
    let (mut surroundings, mut default) = (Surroundings::default(), String::new());
    for (at, &character) in inner.iter().enumerate().skip(start) {
        if character == '|' {
            return Err(Fault(at, "a default holds no `|`".into()));
        }
        surroundings.text(character);
        default.push(character);
    }
    let last = inner.len().saturating_sub(1);
    surroundings.end().map_err(|problem| Fault(last, problem.to_owned()))?;
    if ends_in_open_entity(&default) {
        return Err(Fault(last, "a default does not end in `&` or half an entity; write `&amp;`".into()));
    }
    Ok(default)
}

/// `segment(.segment)*`, each a letter or `_`, then letters, digits and `_` (ASCII).
fn check_name(name: &[char]) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(Fault(0, "the name is empty".into()));
    }
    let mut starts = true;
    for (at, &character) in name.iter().enumerate() {
        starts = match character {
            '.' if !starts => true,
            'a'..='z' | 'A'..='Z' | '_' => false,
            '0'..='9' if !starts => false,
            _ => {
                let rule = "names are letters, digits, `_` and the dots between them, and begin with a letter or `_`";
                return Err(Fault(at, format!("{character:?} cannot stand here; {rule}")));
            }
        };
    }
    if starts { Err(Fault(name.len() - 1, "a name does not end with a dot".into())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R030: everything outside the language is refused, at the right place.
    #[test]
    fn anything_else_is_refused_with_its_place() {
        let check = |template: &str, position: usize, problem: &str| {
            let error = Template::parse(template).unwrap_err();
            assert_eq!((error.template.as_str(), error.position), (template, position), "{error}");
            assert!(error.problem.contains(problem), "{template}: {error}");
        };
        check("ab {", 4, "never closed");
        check("ab {name", 4, "never closed");
        check("ab }", 4, "closes nothing");
        check("{a}}", 4, "closes nothing");
        check("{}", 2, "name is empty");
        check("{|x}", 2, "name is empty");
        check("{:,}", 2, "name is empty");
        check("{a{b}}", 3, "holds no `{`");
        check("{a:.2f}", 3, "`:.2f` is not a format");
        check("{a:}", 3, "`:` is not a format");
        check("{a:,|0}", 3, "takes no default");
        check("{a!r}", 3, "'!' cannot stand here");
        check("{a[0]}", 3, "'[' cannot stand here");
        check("{ a}", 2, "' ' cannot stand here");
        check("{a }", 3, "' ' cannot stand here");
        check("{0}", 2, "'0' cannot stand here");
        check("{a.0}", 4, "'0' cannot stand here");
        check("{a..b}", 4, "'.' cannot stand here");
        check("{.a}", 2, "'.' cannot stand here");
        check("{a.}", 3, "end with a dot");
        check("{a-b}", 3, "'-' cannot stand here");
        check("{é}", 2, "'é' cannot stand here");
        check("{a|b|c}", 5, "holds no `|`");
        check("ü {a:x}", 5, "is not a format");
    }

    #[test]
    fn the_error_names_the_template_and_what_is_allowed() {
        assert_eq!(
            Template::parse("Hi {email!r}").unwrap_err().to_string(),
            "the template `Hi {email!r}` is refused at character 10: '!' cannot stand here; names are letters, \
             digits, `_` and the dots between them, and begin with a letter or `_`; allowed are `{name}`, `{name:,}` \
             for thousands separators, `{name|default}`, dotted names such as `{customer.email}`, and `{{` and `}}` \
             for braces"
        );
        let long = Template::parse(&"{".repeat(999)).unwrap_err().to_string();
        assert!(long.contains("{…`") && long.len() < 700, "{long}");
    }

    #[test]
    fn a_value_may_not_stand_where_it_could_become_a_mention_or_another_link() {
        for bad in [
            "<{x}>",
            "<@{x}>",
            "<!{x}>",
            "<!subteam^{x}>",
            "<https://{x}|a>",
            "<https://a.example{x}|b>",
            "a < {x}",
            "<http:{x}",
            "R&{x}",
            "{a}&l{x}",
            "&lt{x}",
            "{a|R&}{x}",
            "{a|<}",
            "5 < 3",
            "<javascript:{x}>",
            "<a <{x}>",
            "<https:///{x}>",
            "<https://|{x}>",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
        for good in [
            "<https://app.example/users/{id}|{email}>",
            "<https://app.example|{name}>",
            "<https://app.example?q={x}>",
            "<mailto:help@a.example|{x}>",
            "<!here> {x}",
            "{x|<!here>}",
            "R&amp;{x}",
            "R & {x}",
            "R&D {x}",
            "a > {x}",
            "&lt;{x}&gt;",
            "<http://a.example/{x}> {y}",
        ] {
            assert!(Template::parse(good).is_ok(), "{good}");
        }
    }
}
