//! A reference as a message, and back.

use events_core::{delivery::HandlerName, ports::Reference};
use lapin::BasicProperties;

/// What the body is, and in which version. A reader that does not know it takes the message for
/// poison rather than guess; the deliveries behind it are found by looking.
const KIND: &str = "events.reference.v2";

/// Written to disk before it is confirmed. Quorum queues do so anyway; the queues for dead and
/// unrouted letters only do it when the message says so.
const PERSISTENT: u8 = 2;

/// As many bytes of a message that cannot be read are shown.
const SHOWN_BYTES: usize = 64;

/// The message of a reference.
pub(crate) fn encode(reference: &Reference) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(reference)
}

/// What is said beside the body. The id tells returned messages apart.
pub(crate) fn properties(id: String) -> BasicProperties {
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_type(KIND.into())
        .with_message_id(id.into())
}

/// Why a message is no reference for a handler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Poison {
    #[error("its type is {0}, known is `{KIND}`")]
    Kind(String),
    #[error("it cannot be read: {0}")]
    Body(String),
    #[error("it is for the handler `{0}`")]
    Handler(HandlerName),
}

/// The reference in a message that came for `handler`.
pub(crate) fn decode(handler: &HandlerName, kind: Option<&str>, body: &[u8]) -> Result<Reference, Poison> {
    if kind != Some(KIND) {
        return Err(Poison::Kind(
            kind.map_or_else(|| "missing".to_owned(), |kind| format!("`{}`", excerpt(kind.as_bytes()))),
        ));
    }
    // The parser's message names a place, not what it found there, unless a field is wrong.
    let reference: Reference =
        serde_json::from_slice(body).map_err(|error| Poison::Body(excerpt(error.to_string().as_bytes())))?;
    if reference.handler == *handler {
        Ok(reference)
    } else {
        Err(Poison::Handler(excerpt(reference.handler.as_str().as_bytes()).into()))
    }
}

/// The beginning of something that anybody may have written, in printable ASCII.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(SHOWN_BYTES)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use events_core::Seq;
    use proptest::prelude::*;

    use super::*;

    fn check(kind: Option<&str>, body: &str, poison: &str) {
        let found = decode(&"slack".into(), kind, body.as_bytes()).expect_err("poison");
        assert_eq!(found.to_string(), poison);
    }

    #[test]
    fn what_is_no_reference_for_the_handler_is_poison() {
        let good = r#"{"handler":"slack","seqs":[1,2]}"#;
        assert!(decode(&"slack".into(), Some(KIND), good.as_bytes()).is_ok());
        check(None, good, "its type is missing, known is `events.reference.v2`");
        check(Some("events.reference.v1"), good, "its type is `events.reference.v1`, known is `events.reference.v2`");
        check(Some(KIND), "\u{1b}[31m", "it cannot be read: expected value at line 1 column 1");
        check(Some(KIND), r#"{"handler":"email","seqs":[]}"#, "it is for the handler `email`");
        check(Some(KIND), "", "it cannot be read: EOF while parsing a value at line 1 column 0");
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt(b"\x1b[31m\xff\n"), r"\x1b[31m\xff\n");
        assert_eq!(excerpt(&[b'x'; 1000]), "x".repeat(64));
    }

    proptest! {
        /// A trillion events and a handler with a long name still fit.
        #[test]
        fn a_reference_survives_the_journey_in_less_than_200_bytes(
            handler in "[a-z][a-z0-9_]{0,63}",
            runs in prop::collection::vec((0_i64..1_000_000_000_000, 1_i64..50), 0..50),
        ) {
            let handler = HandlerName::from(handler);
            let seqs: Vec<Seq> = runs.into_iter().flat_map(|(first, length)| (first..first + length).map(Seq)).collect();
            let mut there = Vec::new();
            for reference in Reference::about(&handler, &seqs) {
                let body = encode(&reference).expect("it can be written");
                prop_assert!(body.len() < 200, "{} bytes", body.len());
                let found = decode(&handler, Some(KIND), &body).expect("it can be read");
                prop_assert_eq!(&found, &reference);
                there.extend(found.seqs);
            }
            prop_assert_eq!(there, seqs);
        }
    }
}
