//! Standard Webhooks: what is signed, with which keys, and how a receiver checks it.
//!
//! The signed content is `{webhook-id}.{webhook-timestamp}.{body}`. While a key is rotated, the old and the new
//! one both sign, and `webhook-signature` holds both signatures with a space between.

mod asymmetric;
mod encoding;
mod secret;
mod verify;

pub use asymmetric::{PrivateKey, PublicKey};
pub use encoding::InvalidKey;
pub use secret::Secret;
pub use verify::{TOLERANCE, Unverified, VerifyingKey, verify};

use http::HeaderName;
use jiff::Timestamp;

/// The same for every attempt at a message.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When this attempt was made, in seconds since 1970.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The signatures, with a space between.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A key that signs.
#[derive(Clone, Debug)]
pub enum SigningKey {
    /// Scheme `v1`: HMAC-SHA256; the receiver has the same secret.
    Symmetric(Secret),
    /// Scheme `v1a`: ed25519; the receiver has the public key.
    Asymmetric(PrivateKey),
}

impl SigningKey {
    /// Scheme and signature, `v1,…` or `v1a,…`.
    fn sign(&self, content: &[u8]) -> String {
        match self {
            Self::Symmetric(secret) => secret.sign(content),
            Self::Asymmetric(key) => key.sign(content),
        }
    }
}

/// The value of [`SIGNATURE`]: one signature for each key, in their order.
///
/// `message_id` must not contain a full stop, because that is what separates the parts of the signed content; ids
/// made by [`message_id`](crate::envelope::message_id) never do.
#[must_use]
pub fn sign(keys: &[SigningKey], message_id: &str, at: Timestamp, body: &[u8]) -> String {
    let content = content(message_id, &at.as_second().to_string(), body);
    keys.iter().map(|key| key.sign(&content)).collect::<Vec<_>>().join(" ")
}

fn content(message_id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [message_id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}
