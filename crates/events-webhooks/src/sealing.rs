//! Secrets at rest: AES-256-GCM under configured keys, bound to the place where they are stored.
//!
//! The current key seals; older ones still open, so that a key is replaced by adding one. What was sealed for one row
//! does not open in another.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{
    ExposeSecret, SecretString,
    zeroize::{Zeroize, Zeroizing},
};
use serde::{Deserialize, Serialize};

/// Length of a key, in bytes.
const KEY_BYTES: usize = 32;
/// Longest name of a key, in bytes.
const KEY_ID_BYTES: usize = 64;

/// Something cannot be sealed or opened. Holds nothing of a key or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// A key's name is empty, too long, or has other characters than letters, digits, `-`, `_` and `.`.
    #[error("sealing key {0:?}: name it with 1 to {KEY_ID_BYTES} letters, digits, `-`, `_` or `.`")]
    KeyId(String),
    /// Two keys have the same name.
    #[error("sealing key {0:?}: the name is there twice; each key needs its own, for ever")]
    SameKeyId(String),
    /// A key is no base64 of 32 bytes.
    #[error(
        "sealing key {id:?}: must be base64 of {KEY_BYTES} bytes, but {problem}; `openssl rand -base64 32` makes one"
    )]
    Key {
        /// The key's name.
        id: String,
        /// What it is instead.
        problem: String,
    },
    /// Sealed with a key that is not configured.
    #[error("sealed with key {0:?}, which is not configured; add it to the older keys")]
    UnknownKey(String),
    /// The bytes were changed, stand in another place than they were sealed for, or the key is another one of the same name.
    #[error("what was sealed with key {0:?} cannot be opened: it was changed or moved, or the key is another one")]
    Tampered(String),
    /// The system has no randomness.
    #[error("nothing can be sealed: the system gave no random bytes")]
    NoRandomness,
}

/// A sealed text, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Name of the key.
    pub key_id: String,
    /// Nonce (12 bytes), ciphertext and tag (16 bytes).
    pub bytes: Vec<u8>,
}

/// The configured keys.
pub struct Keyring {
    current: SealingKey,
    older: Vec<SealingKey>,
}

struct SealingKey {
    id: String,
    key: RandomizedNonceKey,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.keys().map(|key| &key.id).collect();
        f.debug_struct("Keyring").field("keys", &ids).finish()
    }
}

impl Keyring {
    /// Keys by their names: the one that seals, and those that only open. A key is 32 bytes in base64.
    ///
    /// # Errors
    /// [`SealingError`] that names the key, when a name or a key is not acceptable.
    pub fn new<'a>(
        current: (&'a str, &'a SecretString),
        older: impl IntoIterator<Item = (&'a str, &'a SecretString)>,
    ) -> Result<Self, SealingError> {
        let mut keyring = Self { current: SealingKey::read(current.0, current.1)?, older: Vec::new() };
        for (id, key) in older {
            if keyring.keys().any(|known| known.id == id) {
                return Err(SealingError::SameKeyId(id.to_owned()));
            }
            keyring.older.push(SealingKey::read(id, key)?);
        }
        Ok(keyring)
    }

    /// Seals a text for one place. `context` names the place for ever, such as `webhook_secrets/17`.
    ///
    /// # Errors
    /// [`SealingError::NoRandomness`].
    pub fn seal(&self, context: &str, text: &SecretString) -> Result<Sealed, SealingError> {
        let key = &self.current;
        // Room for the tag, so that growing leaves no copy of the text behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(text.expose_secret().len() + AES_256_GCM.tag_len()));
        sealed.extend_from_slice(text.expose_secret().as_bytes());
        let nonce =
            key.key.seal_in_place_append_tag(key.aad(context), &mut *sealed).map_err(|_| SealingError::NoRandomness)?;
        Ok(Sealed { key_id: key.id.clone(), bytes: [nonce.as_ref().as_slice(), &sealed].concat() })
    }

    /// Opens a text that was sealed for this place.
    ///
    /// # Errors
    /// [`SealingError::UnknownKey`] or [`SealingError::Tampered`].
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretString, SealingError> {
        let key = self.keys().find(|key| key.id == sealed.key_id);
        let key = key.ok_or_else(|| SealingError::UnknownKey(sealed.key_id.clone()))?;
        let tampered = || SealingError::Tampered(sealed.key_id.clone());
        let (nonce, ciphertext) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or_else(tampered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| tampered())?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let opened = key.key.open_in_place(nonce, key.aad(context), &mut buffer).map_err(|_| tampered())?;
        let text = std::str::from_utf8(opened).map_err(|_| tampered())?.to_owned();
        Ok(text.into())
    }

    /// Whether this was sealed with an older key, and should be sealed again.
    #[must_use]
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        sealed.key_id != self.current.id
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl SealingKey {
    fn read(id: &str, key: &SecretString) -> Result<Self, SealingError> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if id.is_empty() || id.len() > KEY_ID_BYTES || !id.bytes().all(is_part) {
            return Err(SealingError::KeyId(id.chars().take(KEY_ID_BYTES).collect()));
        }
        let fault = |problem: String| SealingError::Key { id: id.to_owned(), problem };
        let decoded = STANDARD.decode(key.expose_secret().trim());
        let mut bytes = decoded.map_err(|_| fault("it is no base64".to_owned()))?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
        let length = bytes.len();
        bytes.zeroize();
        let key = key.map_err(|_| fault(format!("it holds {length}")))?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// What is checked with the text and not hidden. A key's name has no line break, so no two places read alike.
    fn aad(&self, context: &str) -> Aad<Vec<u8>> {
        Aad::from(format!("events sealed 1\n{}\n{context}", self.id).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> SecretString {
        STANDARD.encode([byte; KEY_BYTES]).into()
    }

    fn keyring(current: (&str, u8), older: &[(&str, u8)]) -> Result<Keyring, SealingError> {
        let older: Vec<_> = older.iter().map(|(id, byte)| (*id, key(*byte))).collect();
        Keyring::new((current.0, &key(current.1)), older.iter().map(|(id, key)| (*id, key)))
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_place_only() {
        let keyring = keyring(("2026", 1), &[]).unwrap();
        let sealed = keyring.seal("webhook_secrets/1", &"whsec_x".into()).unwrap();
        assert_eq!(keyring.open("webhook_secrets/1", &sealed).unwrap().expose_secret(), "whsec_x");
        let moved = keyring.open("webhook_secrets/2", &sealed).unwrap_err();
        assert_eq!(moved, SealingError::Tampered("2026".into()));
        assert_ne!(keyring.seal("webhook_secrets/1", &"whsec_x".into()).unwrap(), sealed);
    }

    #[test]
    fn an_older_key_opens_and_the_current_one_seals() {
        let old = keyring(("2025", 1), &[]).unwrap();
        let sealed = old.seal("a", &"x".into()).unwrap();
        let new = keyring(("2026", 2), &[("2025", 1)]).unwrap();
        assert_eq!(new.open("a", &sealed).unwrap().expose_secret(), "x");
        assert!(new.is_outdated(&sealed) && !new.is_outdated(&new.seal("a", &"x".into()).unwrap()));
        let without = keyring(("2026", 2), &[]).unwrap();
        assert_eq!(without.open("a", &sealed).unwrap_err(), SealingError::UnknownKey("2025".into()));
        let renamed = keyring(("2025", 2), &[]).unwrap();
        assert_eq!(renamed.open("a", &sealed).unwrap_err(), SealingError::Tampered("2025".into()));
        let twin = keyring(("2026", 1), &[("2025", 1)]).unwrap();
        let relabelled = Sealed { key_id: "2026".into(), ..sealed };
        assert_eq!(twin.open("a", &relabelled).unwrap_err(), SealingError::Tampered("2026".into()));
    }

    #[test]
    fn a_bad_key_is_named_with_its_fault_and_not_repeated() {
        let fault = |id: &str, key: &str| Keyring::new((id, &key.into()), []).unwrap_err().to_string();
        assert!(fault("a", "AAAA").contains("but it holds 3"));
        assert!(fault("a", "not base64!").contains("it is no base64"));
        assert!(!fault("a", "not base64!").contains("not base64!"));
        assert!(fault("", key(1).expose_secret()).contains("name it with 1 to 64"));
        assert!(fault("a/b", key(1).expose_secret()).contains("name it with"));
        assert!(keyring(("a", 1), &[("a", 2)]).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn no_key_is_in_the_debug_text() {
        assert_eq!(format!("{:?}", keyring(("a", 1), &[("b", 2)]).unwrap()), r#"Keyring { keys: ["a", "b"] }"#);
    }

    proptest! {
        #[test]
        fn any_text_is_opened_again_and_any_changed_byte_is_noticed(
            text in any::<String>(), context in any::<String>(), at in any::<proptest::sample::Index>(), bit in 0..8u8,
        ) {
            let keyring = keyring(("k", 1), &[]).unwrap();
            let mut sealed = keyring.seal(&context, &text.clone().into()).unwrap();
            let opened = keyring.open(&context, &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), &text);
            let at = at.index(sealed.bytes.len());
            sealed.bytes[at] ^= 1 << bit;
            prop_assert!(keyring.open(&context, &sealed).is_err());
            sealed.bytes.truncate(at);
            prop_assert!(keyring.open(&context, &sealed).is_err());
        }
    }
}
