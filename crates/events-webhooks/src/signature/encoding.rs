//! Keys as text: a prefix and base64. What is wrong with a text is said without repeating it.

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::zeroize::Zeroizing;

/// A text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidKey {
    /// Which key: `secret`, `private key` or `public key`.
    pub field: &'static str,
    /// What is wrong and what to do. Holds nothing of the key.
    pub problem: String,
}

impl InvalidKey {
    pub(super) fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

/// The bytes behind a prefix.
pub(super) fn decode(field: &'static str, prefix: &str, text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let Some(encoded) = text.strip_prefix(prefix) else {
        return Err(InvalidKey::new(field, format!("must begin with `{prefix}`")));
    };
    // The library's error names the byte that does not fit, which is a part of the key.
    STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| {
        InvalidKey::new(field, format!("must be standard base64 with padding after `{prefix}`; was it copied whole?"))
    })
}

/// The text of a key.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut text = prefix.to_owned();
    STANDARD.encode_string(bytes, &mut text);
    text
}
