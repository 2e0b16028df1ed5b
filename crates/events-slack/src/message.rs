//! A message as Slack takes it: plain text, or text with titled fields in Block Kit.

use serde::Serialize;

use crate::escape::cut;

/// Slack splits longer texts into several messages.
const TEXT_CHARS: usize = 4_000;
/// Longest text of a section block.
const SECTION_CHARS: usize = 3_000;
/// Longest field of a section block.
const FIELD_CHARS: usize = 2_000;
/// Most fields of a section block.
const FIELDS_PER_SECTION: usize = 10;
/// Most fields of a message: Slack takes 50 blocks, and the first holds the text.
pub(crate) const MAX_FIELDS: usize = 49 * FIELDS_PER_SECTION;

/// A rendered message. All parts are marked-up text, with values escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) fields: Vec<Field>,
}

/// A titled value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) title: String,
    pub(crate) value: String,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocks: Vec<Section>,
    /// Links in values must not grow previews. Left out of the plain body, which is exactly `{"text": …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unfurl_media: Option<bool>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "section")]
struct Section {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Text>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "mrkdwn")]
struct Text {
    text: String,
    /// Slack does not look for bare names and addresses in it.
    verbatim: bool,
}

impl Text {
    fn new(text: &str, max: usize) -> Self {
        Self { text: cut(text, max), verbatim: true }
    }
}

impl Message {
    /// A message of text alone.
    pub(crate) fn plain(text: String) -> Self {
        Self { text, fields: Vec::new() }
    }

    /// The request body. For a webhook without fields it is exactly `{"text": …}` (R022);
    /// `channel` is for `chat.postMessage`, a webhook has its own.
    ///
    /// # Errors
    /// None in practice: texts always serialize.
    pub(crate) fn body(&self, channel: Option<&str>) -> Result<Vec<u8>, serde_json::Error> {
        let text = cut(&self.text, TEXT_CHARS);
        let unfurl = (channel.is_some() || !self.fields.is_empty()).then_some(false);
        let blocks = if self.fields.is_empty() { Vec::new() } else { self.blocks() };
        serde_json::to_vec(&Body { channel, text: &text, blocks, unfurl_links: unfurl, unfurl_media: unfurl })
    }

    fn blocks(&self) -> Vec<Section> {
        let mut blocks = vec![Section { text: Some(Text::new(&self.text, SECTION_CHARS)), fields: Vec::new() }];
        for fields in self.fields.chunks(FIELDS_PER_SECTION) {
            blocks.push(Section { text: None, fields: fields.iter().map(Field::to_text).collect() });
        }
        blocks
    }
}

impl Field {
    fn to_text(&self) -> Text {
        Text::new(&format!("*{}*\n{}", self.title, self.value), FIELD_CHARS)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(message: &Message, channel: Option<&str>) -> Value {
        serde_json::from_slice(&message.body(channel).unwrap()).unwrap()
    }

    fn with_fields(count: usize) -> Message {
        let field = |at| Field { title: format!("T{at}"), value: format!("v{at}") };
        Message { text: "hello".into(), fields: (0..count).map(field).collect() }
    }

    #[test]
    fn r022_without_fields_the_body_is_exactly_the_text() {
        let bytes = Message::plain("New signup: \"a\"\n".into()).body(None).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"text":"New signup: \"a\"\n"}"#);
    }

    #[test]
    fn fields_become_sections_of_ten_in_order() {
        let sections = body(&with_fields(23), None)["blocks"].clone();
        let sizes: Vec<_> = sections.as_array().unwrap()[1..]
            .iter()
            .map(|section| section["fields"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [10, 10, 3]);
        assert_eq!(sections[0], json!({"type":"section","text":{"type":"mrkdwn","text":"hello","verbatim":true}}));
        assert_eq!(sections[2]["fields"][0], json!({"type":"mrkdwn","text":"*T10*\nv10","verbatim":true}));
        assert_eq!(body(&with_fields(MAX_FIELDS), None)["blocks"].as_array().unwrap().len(), 50);
    }

    #[test]
    fn a_rich_body_and_a_bots_body_unfurl_nothing() {
        let rich = body(&with_fields(1), None);
        assert_eq!(
            (&rich["text"], &rich["unfurl_links"], &rich["unfurl_media"]),
            (&json!("hello"), &json!(false), &json!(false))
        );
        assert_eq!(
            body(&Message::plain("hi".into()), Some("#ops")),
            json!({"channel":"#ops","text":"hi","unfurl_links":false,"unfurl_media":false})
        );
    }

    #[test]
    fn texts_keep_to_slacks_limits() {
        let long = Message {
            text: "&amp;".repeat(2_000),
            fields: vec![Field { title: "T".into(), value: "&lt;".repeat(1_000) }],
        };
        let body = body(&long, None);
        let text = |pointer: &str| body.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        for (pointer, max) in [("/text", 4_000), ("/blocks/0/text/text", 3_000), ("/blocks/1/fields/0/text", 2_000)] {
            let text = text(pointer);
            let length = text.chars().count();
            assert!(length <= max && length > max - 6 && text.ends_with(";…"), "{pointer}: {length}");
        }
    }
}
