//! The template language: one line of text with places for values, read once and rendered purely.
//!
//! | written | means |
//! |---|---|
//! | `{email}` | the value of the payload's field `email` |
//! | `{customer.email}` | a field inside an object |
//! | `{row_count:,}` | a number with thousands separators, as Python's `'{:,}'` prints it: `1,250` |
//! | `{plan\|free}` | the value, or the text `free` when it is missing or null |
//! | `{{` and `}}` | a brace |
//!
//! Anything else is refused when the configuration is read (R030, R032). Names are looked up
//! in the payload, then in the envelope (see [`Fields`]).

mod parse;
mod surroundings;

use crate::{
    escape,
    fields::{Fields, FillError, Found},
    number,
};

/// A template that was read and found valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, shape: Shape },
}

/// How a value is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Plain,
    Thousands,
    OrDefault(String),
}

/// Why a text is not a template. Names the template, the place and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the template `{template}` is refused at character {position}: {problem}; allowed are `{{name}}`, \
     `{{name:,}}` for thousands separators, `{{name|default}}`, dotted names such as `{{customer.email}}`, \
     and `{{{{` and `}}}}` for braces"
)]
pub struct TemplateError {
    /// The template as written.
    pub template: String,
    /// Where, counted in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: String,
}

impl Template {
    /// The message for `fields`, with every value made harmless (see [`escape::value`]).
    ///
    /// # Errors
    /// [`FillError`] that names the field which is missing or cannot be shown.
    pub(crate) fn render(&self, fields: &Fields<'_>) -> Result<String, FillError> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Value { name, shape } => match (fields.get(name), shape) {
                    (None, Shape::OrDefault(default)) => text.push_str(default),
                    (None, _) => return Err(FillError::missing(name)),
                    (Some(found), Shape::Thousands) => text.push_str(&escape::value(&thousands(name, &found)?)),
                    (Some(found), _) => text.push_str(&escape::value(&plain(name, &found)?)),
                },
            }
        }
        Ok(text)
    }

    /// Names shown with thousands separators: amounts that make sense when they are added up.
    pub(crate) fn amounts(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value { name, shape: Shape::Thousands } => Some(name.as_str()),
            _ => None,
        })
    }
}

fn plain(name: &str, found: &Found<'_>) -> Result<String, FillError> {
    match found {
        Found::Text(text) => Ok(text.to_string()),
        Found::Number(token) => Ok(number::plain(token)),
        Found::Boolean(value) => Ok(value.to_string()),
        Found::Composite(_) => Err(FillError::unshowable(name, found.kind())),
    }
}

fn thousands(name: &str, found: &Found<'_>) -> Result<String, FillError> {
    match found {
        Found::Number(token) => Ok(number::thousands(token)),
        _ => Err(FillError::not_a_number(name, found.kind())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::RawValue};

    use super::*;
    use crate::testing::event_with;

    fn render(template: &str, payload: Value) -> Result<String, FillError> {
        let event = event_with("user.signup", payload);
        Template::parse(template).unwrap().render(&Fields::of(&event))
    }

    #[test]
    fn names_paths_defaults_and_braces_are_filled() {
        let payload = json!({ "email": "a@b.c", "customer": { "email": "x@y.z", "a": { "b": 7 } }, "none": null });
        let check = |template: &str, expected: &str| {
            assert_eq!(render(template, payload.clone()).as_deref(), Ok(expected), "{template}");
        };
        check("New signup: {email}", "New signup: a@b.c");
        check("{customer.email}/{customer.a.b}", "x@y.z/7");
        check("{missing|nobody} {none|nothing} {email|x}", "nobody nothing a@b.c");
        check("{missing|}.", ".");
        check("{{email}} {{{email}}}", "{email} {a@b.c}");
        check("no value", "no value");
    }

    #[test]
    fn a_value_of_each_kind_is_shown_or_refused_by_name() {
        let payload = json!({ "yes": true, "f": 1250.0, "n": null, "list": [1], "object": {}, "text": "1250" });
        let check = |template: &str, expected: Result<&str, &str>| {
            let rendered = render(template, payload.clone()).map_err(|error| error.to_string());
            assert_eq!(rendered.as_deref().map_err(String::as_str), expected, "{template}");
        };
        check("{yes} {f}", Ok("true 1250.0"));
        check("{f:,}", Ok("1,250.0"));
        check("{text:,}", Err("needs a number in the field `text`, which is a string"));
        check("{yes:,}", Err("needs a number in the field `yes`, which is a boolean"));
        check("{n:,}", Err("needs the field `n`, which the payload does not have"));
        check("{n}", Err("needs the field `n`, which the payload does not have"));
        check("{list}", Err("cannot show the field `list`, which is an array"));
        check("{object|x}", Err("cannot show the field `object`, which is an object"));
        check("{text.inner}", Err("needs the field `text.inner`, which the payload does not have"));
    }

    #[test]
    fn a_number_of_any_length_is_cut_like_every_value() {
        let digits = "1".repeat(300);
        let event = serde_json::from_str(&format!(r#"{{"n":{digits}}}"#)).map(|payload: Box<RawValue>| payload);
        let event = event_with("a.b", event.unwrap());
        for template in ["{n}", "{n:,}"] {
            let text = Template::parse(template).unwrap().render(&Fields::of(&event)).unwrap();
            assert!(text.chars().count() == 200 && text.ends_with('…'), "{template}: {text}");
        }
    }

    #[test]
    fn values_are_escaped_and_the_template_is_not() {
        let payload = json!({ "name": "<!channel> & <https://evil.example|Pay>" });
        assert_eq!(
            render("<!here> {name} &amp;", payload).as_deref(),
            Ok("<!here> &lt;!channel&gt; &amp; &lt;https://evil.example|Pay&gt; &amp;")
        );
    }
}
